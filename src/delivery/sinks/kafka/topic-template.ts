/** What the templates of topics may name, by what they are for. */
export const templateNames = { changes: ['schema', 'table'], events: ['type', 'source'] } as const;

const placeholder = /\{([^{}]*)\}/g;

/** Why a template cannot be used; undefined when it can. `allowed`: the names that may stand in braces. Pure. */
export function explainTemplate(template: string, allowed: readonly string[]): string | undefined {
  for (const [, name = ''] of template.matchAll(placeholder)) {
    if (!allowed.includes(name)) return `names {${name}}; it may name ${allowed.map((one) => `{${one}}`).join(', ')}`;
  }
  const rest = template.replaceAll(placeholder, 'x');
  return /^[a-zA-Z0-9._-]+$/.test(rest) ? undefined : 'holds a character that no name of a topic may have';
}

/** A template with its names replaced. Pure. */
export function renderTopic(template: string, parts: Readonly<Record<string, string>>): string {
  return template.replaceAll(placeholder, (_, name: string) => parts[name] ?? '');
}
