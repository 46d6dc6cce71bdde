/** An identifier for SQL text, always in quotes: names keep their case and may hold anything but NUL. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A schema-qualified name for SQL text. */
export function quoteQualified(schemaName: string, objectName: string): string {
  return `${quoteIdentifier(schemaName)}.${quoteIdentifier(objectName)}`;
}

/** A text constant for SQL, safe with any setting of standard_conforming_strings. Statements with parameters do not need it. */
export function quoteLiteral(text: string): string {
  const quoted = text.replaceAll("'", "''");
  return quoted.includes('\\') ? ` E'${quoted.replaceAll('\\', '\\\\')}'` : `'${quoted}'`;
}

/** A table's schema and name, unquoted. */
export interface QualifiedName {
  readonly schemaName: string;
  readonly objectName: string;
}

/** Splits `schema.table` or `table` at the first dot; the schema defaults to `public`. Names keep their case. */
export function parseQualifiedName(text: string): QualifiedName {
  const dot = text.indexOf('.');
  return dot === -1
    ? { schemaName: 'public', objectName: text }
    : { schemaName: text.slice(0, dot), objectName: text.slice(dot + 1) };
}
