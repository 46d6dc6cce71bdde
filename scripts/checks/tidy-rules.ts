/**
 * What this repository holds true of its sources beyond what the linter knows: sizes, words in names, bare errors, the
 * current time, reasons beside suppressions, and a sentence above every export. Each rule is a pure function over the
 * parsed file.
 */
import ts from 'typescript';

export type TidyRule =
  | 'file-size'
  | 'function-size'
  | 'one-class'
  | 'name'
  | 'bare-error'
  | 'current-time'
  | 'suppression-reason'
  | 'unfinished'
  | 'export-star'
  | 'export-doc'
  | 'claim';

export type TidyFinding = {
  readonly path: string;
  readonly line: number;
  readonly rule: TidyRule;
  readonly message: string;
};

export type TidySource = {
  /** From the root of the repository, with forward slashes. */
  readonly path: string;
  readonly text: string;
  /** Adapters own the outside world: they may read the current time. */
  readonly isAdapter: boolean;
};

const FILE_LINES_MAX = 400;
const TEST_FILE_LINES_MAX = 800;
const FUNCTION_LINES_MAX = 70;

/** Words that say nothing about a thing: as a word of an exported name or a file name they are refused. */
const EMPTY_WORDS = new Set(
  'util utils helper helpers common misc manager data info item items temp impl processor handling'.split(' '),
);
/** As the verb of a function these say nothing; as nouns they have a meaning of their own (a process of the system). */
const EMPTY_VERBS = new Set(['process', 'do', 'handle']);
/** A class of errors of its own carries no code, so no operator can look it up. */
const BARE_ERRORS = new Set(['Error', 'TypeError', 'RangeError', 'SyntaxError', 'AggregateError']);

/** Written so that it does not match itself: this file is held to the rule as well. */
const UNFINISHED = /\b(?:TO(?:DO)|FIX(?:ME)|XX(?:X)|HA(?:CK))\b/g;

/** Every finding in one file, in the order of its lines. */
export function findUntidy(source: TidySource): TidyFinding[] {
  const file = ts.createSourceFile(source.path, source.text, ts.ScriptTarget.Latest, true);
  const found: TidyFinding[] = [];
  const report = (position: number, rule: TidyRule, message: string): void => {
    found.push({ path: source.path, line: file.getLineAndCharacterOfPosition(position).line + 1, rule, message });
  };
  checkFileSize(source, file, report);
  checkFileName(source, report);
  checkComments(source.text, report);
  for (const statement of file.statements) checkStatement(source, statement, report);
  checkClasses(source, file, report);
  const visit = (node: ts.Node): void => {
    checkNode(source, node, report);
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found.toSorted((a, b) => a.line - b.line);
}

type Report = (position: number, rule: TidyRule, message: string) => void;

function checkFileSize({ path }: TidySource, file: ts.SourceFile, report: Report): void {
  const lineCount = file.getLineAndCharacterOfPosition(file.end).line;
  const max = isTest(path) ? TEST_FILE_LINES_MAX : FILE_LINES_MAX;
  if (lineCount > max) report(0, 'file-size', `has ${lineCount} lines; the limit is ${max}`);
}

function checkFileName({ path }: TidySource, report: Report): void {
  const name = path.slice(path.lastIndexOf('/') + 1);
  if (!/^\.?[a-z0-9]+(?:[.-][a-z0-9]+)*$/.test(name)) report(0, 'name', `file names are kebab-case: ${name}`);
  const banned = name.split(/[.-]/).find((word) => EMPTY_WORDS.has(word));
  if (banned !== undefined) report(0, 'name', `"${banned}" in a file name says nothing: name what the file exports`);
}

function checkComments(text: string, report: Report): void {
  for (const match of text.matchAll(UNFINISHED)) report(match.index, 'unfinished', 'finish it, or leave it out');
  for (const match of text.matchAll(/(?:oxlint|eslint)-(?:disable\S*)[^\n]*/g)) {
    if (!/ -- \S.{8,}/.test(match[0])) report(match.index, 'suppression-reason', 'give the reason after " -- "');
  }
  for (const match of text.matchAll(/exactly[- ]once[- ]delivery/gi)) {
    report(match.index, 'claim', 'say "effectively once at boundary B by mechanism M"');
  }
}

function checkStatement({ path }: TidySource, statement: ts.Statement, report: Report): void {
  const isPackageSource = path.startsWith('src/') && !isTest(path);
  if (ts.isExportDeclaration(statement) && statement.exportClause === undefined && path.startsWith('src/')) {
    report(statement.getStart(), 'export-star', 'export by name');
  }
  if (!isExported(statement)) return;
  for (const name of declaredNames(statement)) checkName(name, ts.isFunctionDeclaration(statement), report);
  const hasDoc = ts.getJSDocCommentsAndTags(statement).length > 0;
  const isOverload = ts.isFunctionDeclaration(statement) && statement.body === undefined;
  if (isPackageSource && !hasDoc && !isOverload && !isImplementation(statement)) {
    report(statement.getStart(), 'export-doc', 'an export starts with a sentence that says what it promises');
  }
}

/** The body of an overloaded function: its documentation stands at its signatures. */
function isImplementation(statement: ts.Statement): boolean {
  if (!ts.isFunctionDeclaration(statement) || !ts.isSourceFile(statement.parent)) return false;
  const before = statement.parent.statements[statement.parent.statements.indexOf(statement) - 1];
  return (
    before !== undefined &&
    ts.isFunctionDeclaration(before) &&
    before.body === undefined &&
    before.name?.text === statement.name?.text
  );
}

function checkClasses({ path }: TidySource, file: ts.SourceFile, report: Report): void {
  const [, second] = file.statements.filter((statement) => ts.isClassDeclaration(statement) && isExported(statement));
  if (second !== undefined && !isTest(path)) report(second.getStart(), 'one-class', 'export one class per file');
}

function checkName(name: ts.Identifier, isFunction: boolean, report: Report): void {
  const words = name.text
    .split(/[_$]|(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])/)
    .map((word) => word.toLowerCase());
  const banned = words.find((word) => EMPTY_WORDS.has(word));
  if (banned !== undefined) report(name.getStart(), 'name', `"${banned}" in ${name.text} says nothing`);
  if (isFunction && EMPTY_VERBS.has(words[0] ?? '')) {
    report(name.getStart(), 'name', `"${words[0]}" says nothing about what ${name.text} does`);
  }
}

function checkNode({ path, isAdapter }: TidySource, node: ts.Node, report: Report): void {
  if (isFunctionWithBody(node) && !isTest(path)) checkFunctionSize(node, report);
  const isPackageSource = path.startsWith('src/') && !isTest(path);
  if (!isPackageSource || !(ts.isNewExpression(node) || ts.isCallExpression(node))) return;
  if (!ts.isIdentifier(node.expression)) return;
  const name = node.expression.text;
  if (BARE_ERRORS.has(name)) report(node.getStart(), 'bare-error', 'throw a HeadwaterError with a code, or assert');
  const isNow = name === 'Date' && (ts.isCallExpression(node) || (node.arguments?.length ?? 0) === 0);
  if (isNow && !isAdapter) report(node.getStart(), 'current-time', 'take the time from Clock');
}

function checkFunctionSize(node: ts.FunctionLikeDeclaration, report: Report): void {
  const file = node.getSourceFile();
  const first = file.getLineAndCharacterOfPosition(node.getStart()).line;
  const lineCount = file.getLineAndCharacterOfPosition(node.end).line - first + 1;
  if (lineCount > FUNCTION_LINES_MAX) {
    report(node.getStart(), 'function-size', `a function of ${lineCount} lines; the limit is ${FUNCTION_LINES_MAX}`);
  }
}

function isFunctionWithBody(node: ts.Node): node is ts.FunctionLikeDeclaration {
  return ts.isFunctionLike(node) && 'body' in node && node.body !== undefined;
}

function isExported(statement: ts.Statement): boolean {
  return (
    ts.canHaveModifiers(statement) &&
    (ts.getModifiers(statement) ?? []).some((modifier) => modifier.kind === ts.SyntaxKind.ExportKeyword)
  );
}

function declaredNames(statement: ts.Statement): ts.Identifier[] {
  if (ts.isVariableStatement(statement)) {
    return statement.declarationList.declarations.map(({ name }) => name).filter(ts.isIdentifier);
  }
  const isNamed =
    ts.isFunctionDeclaration(statement) ||
    ts.isClassDeclaration(statement) ||
    ts.isTypeAliasDeclaration(statement) ||
    ts.isInterfaceDeclaration(statement);
  return isNamed && statement.name !== undefined ? [statement.name] : [];
}

/** Tests, shared test suites and what only tests use; `src/testing` is published and held to what sources are held to. */
function isTest(path: string): boolean {
  return /\.(?:test|suite)\.ts$|^(?!src\/testing\/)(?:.*\/)?(?:testing|test)\//.test(path);
}
