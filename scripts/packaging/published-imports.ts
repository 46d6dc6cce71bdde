import { planSubpath } from './public-files.ts';

/** The text of an example as a user of the package writes it: `../../src/emit.ts` becomes `headwater/emit`. */
export function toPublishedImports(text: string, packageName: string): string {
  return text.replaceAll(
    /'(?:\.\.\/)+(src\/[\w-]+\.ts)'/g,
    (_, path: string) => `'${packageName}${planSubpath(path).slice(1)}'`,
  );
}
