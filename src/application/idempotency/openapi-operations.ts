import type { OperationSafety } from './operation.ts';

/** As much of an OpenAPI 3 document as is read here. */
export interface OpenApiDocument {
  readonly servers?: readonly { readonly url: string }[];
  readonly paths?: Readonly<Record<string, object | undefined>>;
}

/** An operation of a document that declares its `x-idempotency`. */
export interface DeclaredOperation {
  /** `POST /orders/{id}`. */
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly safety: OperationSafety;
}

const methods = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'] as const;
/** From the strongest to the weakest. */
const strengths: readonly OperationSafety[] = ['safe', 'natural', 'keyed', 'unsafe'];

/** The operations of a document, and those that declare nothing. */
export function readOperations(document: OpenApiDocument): {
  readonly declared: readonly DeclaredOperation[];
  readonly undeclared: readonly string[];
} {
  const declared: DeclaredOperation[] = [];
  const undeclared: string[] = [];
  for (const { safety, ...operation } of listOperations(document)) {
    if (safety === undefined) undeclared.push(operation.name);
    else declared.push({ ...operation, safety });
  }
  return { declared, undeclared };
}

type ListedOperation = Omit<DeclaredOperation, 'safety'> & { readonly safety: OperationSafety | undefined };

function listOperations(document: OpenApiDocument): readonly ListedOperation[] {
  return Object.entries(document.paths ?? {}).flatMap(([path, item]) =>
    methods.flatMap((key): readonly ListedOperation[] => {
      const operation: unknown = item === undefined ? undefined : Reflect.get(item, key);
      if (typeof operation !== 'object' || operation === null) return [];
      const method = key.toUpperCase();
      const stated: unknown = Reflect.get(operation, 'x-idempotency');
      const safety = strengths.find((strength) => strength === stated);
      return [{ name: `${method} ${path}`, method, path, safety }];
    }),
  );
}

/** A declaration that a client of the released document must not rely on any more. */
export interface WeakenedOperation {
  /** `POST /orders`. */
  readonly operation: string;
  readonly released: OperationSafety;
  /** Undefined: the document declares nothing for it any more. */
  readonly current: OperationSafety | undefined;
}

/**
 * Operations whose declaration is weaker than the one that was released, or gone while the operation is still there. A client that was made from the
 * released document would repeat what must not be repeated, or repeat it without the key that it needs now. Operations
 * that were removed are none of this. Pure.
 */
export function findWeakenedOperations(
  released: OpenApiDocument,
  current: OpenApiDocument,
): readonly WeakenedOperation[] {
  const now = new Map(listOperations(current).map(({ name, safety }) => [withoutNames(name), safety]));
  return readOperations(released).declared.flatMap(({ name, safety }): readonly WeakenedOperation[] => {
    const same = withoutNames(name);
    const stated = now.get(same);
    if (stated === undefined) return now.has(same) ? [{ operation: name, released: safety, current: undefined }] : [];
    const isWeaker = strengths.indexOf(stated) > strengths.indexOf(safety);
    return isWeaker ? [{ operation: name, released: safety, current: stated }] : [];
  });
}

/** Templated paths that differ in the names of their parameters are one. https://spec.openapis.org/oas/v3.1.1.html#paths-object */
function withoutNames(operation: string): string {
  return operation.replaceAll(/\{[^}]*\}/g, '{}');
}

/** What a request may be, as far as a document tells; undefined where it has no such operation, or the operation declares nothing. */
export type SafetyOf = (request: { readonly method: string; readonly url: string }) => OperationSafety | undefined;

/**
 * Reads from a document which operation a request is, by method and path below one of the document's `servers`. A path without
 * parameters goes before one with them, as OpenAPI has it.
 */
export function safetyFromOpenApi(document: OpenApiDocument): SafetyOf {
  const bases = (document.servers ?? [{ url: '/' }]).map(({ url }) => readPath(url).replace(/\/$/, ''));
  // Those that declare nothing, too: another template must not speak for them.
  const templates = listOperations(document)
    .toSorted((one, other) => countParameters(one.path) - countParameters(other.path))
    .map(({ method, path, safety }) => ({ method, safety, pattern: toPattern(path) }));
  return ({ method, url }) => {
    const path = readPath(url);
    for (const base of bases) {
      if (!path.startsWith(base)) continue;
      const rest = path.slice(base.length);
      const found = templates.find((template) => template.method === method && template.pattern.test(rest));
      if (found !== undefined) return found.safety;
    }
    return undefined;
  };
}

/** Of an absolute or relative address. */
function readPath(url: string): string {
  return new URL(url, 'http://relative.invalid').pathname;
}

function countParameters(path: string): number {
  return path.split('{').length;
}

function toPattern(path: string): RegExp {
  const parts = path.split(/\{[^}]*\}/).map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`));
  return new RegExp(`^${parts.join('[^/]+')}$`);
}
