/**
 * The public types of one subpath as text: each exported name with its declaration, then every declaration of this package
 * that those mention. Comments are left out, names are sorted, so that a difference between two reports is a difference
 * for users.
 */
import ts from 'typescript';

const printer = ts.createPrinter({ removeComments: true, newLine: ts.NewLineKind.LineFeed });

/** @param entry a declaration file; whatever lies in its folder or below counts as this package. */
export function reportApi(entry: string, folder: string): string {
  const program = ts.createProgram([entry], {
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    target: ts.ScriptTarget.ES2023,
    allowImportingTsExtensions: true,
    noEmit: true,
    types: [],
    // The reports hold only what this package declares, so the standard library's types are not needed.
    noLib: true,
  });
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(entry);
  const module = source && checker.getSymbolAtLocation(source);
  if (module === undefined) throw new Error(`${entry} exports nothing`);
  const exported = checker
    .getExportsOfModule(module)
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map((symbol) => ({ name: symbol.name, symbol: follow(checker, symbol) }));
  const mentioned = collectMentioned(
    checker,
    exported.map(({ symbol }) => symbol),
    folder,
  );
  return (
    [
      '// What users of this subpath can name.',
      ...exported.map(({ name, symbol }) => describeSymbol(name, symbol)),
      ...(mentioned.length > 0 ? ['// What those mention.'] : []),
      ...mentioned.map((symbol) => describeSymbol(symbol.name, symbol)),
    ].join('\n\n') + '\n'
  );
}

function follow(checker: ts.TypeChecker, symbol: ts.Symbol): ts.Symbol {
  return symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
}

function collectMentioned(checker: ts.TypeChecker, exported: readonly ts.Symbol[], folder: string): ts.Symbol[] {
  const seen = new Set(exported);
  const queue = [...exported];
  for (let symbol = queue.shift(); symbol !== undefined; symbol = queue.shift()) {
    for (const next of (symbol.declarations ?? []).flatMap((declaration) => findNames(checker, declaration))) {
      if (seen.has(next) || !isDeclaredHere(next, folder)) continue;
      seen.add(next);
      queue.push(next);
    }
  }
  return [...seen].slice(exported.length).toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

function findNames(checker: ts.TypeChecker, declaration: ts.Node): ts.Symbol[] {
  const found: ts.Symbol[] = [];
  const visit = (node: ts.Node): void => {
    const symbol = ts.isIdentifier(node) ? checker.getSymbolAtLocation(node) : undefined;
    if (symbol !== undefined) found.push(follow(checker, symbol));
    ts.forEachChild(node, visit);
  };
  visit(declaration);
  return found;
}

/** True for a top-level declaration of this package: members and parameters belong to what holds them. */
function isDeclaredHere(symbol: ts.Symbol, folder: string): boolean {
  return (
    (symbol.declarations ?? []).some(
      (declaration) =>
        declaration.getSourceFile().fileName.startsWith(folder) &&
        ts.isSourceFile(statementOf(declaration).parent ?? declaration),
    ) && (symbol.declarations ?? []).every((declaration) => isTopLevel(declaration))
  );
}

function isTopLevel(declaration: ts.Node): boolean {
  const statement = statementOf(declaration);
  return statement.parent !== undefined && ts.isSourceFile(statement.parent);
}

/** A variable's declaration stands inside a list inside its statement. */
function statementOf(declaration: ts.Node): ts.Node {
  return ts.isVariableDeclaration(declaration) ? declaration.parent.parent : declaration;
}

function describeSymbol(name: string, symbol: ts.Symbol): string {
  const texts = (symbol.declarations ?? []).map((declaration) => {
    const statement = statementOf(declaration);
    const [shortened] = ts.transform(statement, [shortenTexts]).transformed;
    return printer.printNode(ts.EmitHint.Unspecified, shortened ?? statement, statement.getSourceFile());
  });
  const declared = symbol.name === name ? '' : `// ${name} is\n`;
  return declared + texts.map((text) => text.replace(/^export (?:declare )?/, '').replace(/^declare /, '')).join('\n');
}

/** A literal type of several words is a text for people, such as the page of an error code: its wording is no promise. */
const shortenTexts: ts.TransformerFactory<ts.Node> = (context) => {
  const visit = (node: ts.Node): ts.Node => {
    const isText = ts.isLiteralTypeNode(node) && ts.isStringLiteral(node.literal) && /\s/.test(node.literal.text);
    if (isText) return ts.factory.createLiteralTypeNode(ts.factory.createStringLiteral('...', true));
    return ts.visitEachChild(node, visit, context);
  };
  return visit;
};
