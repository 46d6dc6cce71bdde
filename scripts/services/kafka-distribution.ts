import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { openCacheDirectory, withPreparationLock } from './cache.ts';
import { findProgram } from './programs.ts';
import { withProgress } from './progress.ts';

const run = promisify(execFile);

/** 4.4.0 asks for an artifact that was never published, so no range. */
const KAFKA_VERSION = '4.3.1';
/** Without a binding of slf4j the broker logs nothing at all. */
const LOG_BINDING_VERSION = '2.25.4';
const OLDEST_JAVA = 17;
const JAR_COUNT_MIN = 30;

/** A Kafka that can be started. */
export interface KafkaDistribution {
  readonly java: string;
  /** The directory with Kafka's jars. */
  readonly libraries: string;
  /** Where the class archive of this Java and these jars is, or is to be put. */
  readonly archive: string;
}

/** Why Kafka cannot be started here; undefined when it can, as far as one can tell without a download. Starts nothing. */
export async function explainMissingKafka(): Promise<string | undefined> {
  const java = await findJava();
  if (java.kind === 'missing') return java.reason;
  if (await hasLibraries(librariesIn(await openCacheDirectory()))) return undefined;
  if ((await findProgram('mvn')) !== undefined) return undefined;
  return 'Kafka: its jars are not in the cache and Maven (`mvn`) was not found to get them; install Maven, or set HEADWATER_TEST_KAFKA_BROKERS';
}

/** Finds Java and Kafka's jars, getting them by Maven once. Safe when several processes do it at once. */
export async function openKafkaDistribution(): Promise<KafkaDistribution> {
  const java = await findJava();
  if (java.kind === 'missing') throw new Error(java.reason);
  const cache = await openCacheDirectory();
  const libraries = librariesIn(cache);
  if (!(await hasLibraries(libraries))) {
    await withProgress(`getting Kafka ${KAFKA_VERSION} with Maven`, fetchLibraries(libraries));
  }
  // An archive fits only the Java that wrote it and the very same class path.
  const fingerprint = createHash('sha256')
    .update(`${java.path}\0${java.version}\0${libraries}`)
    .digest('hex')
    .slice(0, 16);
  return { java: java.path, libraries, archive: join(cache, `kafka-${KAFKA_VERSION}-${fingerprint}.jsa`) };
}

async function fetchLibraries(libraries: string): Promise<void> {
  await withPreparationLock(libraries, async () => {
    if (await hasLibraries(libraries)) return;
    const partial = await mkdtemp(`${libraries}.partial-`);
    try {
      await writeFile(join(partial, 'pom.xml'), renderProject());
      const jars = join(partial, 'jars');
      const goal = ['dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${jars}`];
      await run('mvn', ['-B', '-q', '-f', join(partial, 'pom.xml'), ...goal], { maxBuffer: 16 * 1024 * 1024 });
      await rm(libraries, { recursive: true, force: true });
      await rename(jars, libraries);
    } catch (error) {
      const output = error instanceof Error && 'stdout' in error ? String(error.stdout).slice(-1500) : '';
      throw new Error(`Maven could not get Kafka ${KAFKA_VERSION}: ${String(error)} ${output}`, { cause: error });
    } finally {
      await rm(partial, { recursive: true, force: true });
    }
  });
}

function renderProject(): string {
  const dependency = (group: string, artifact: string, version: string): string =>
    `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`;
  return `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>local</groupId><artifactId>kafka-server</artifactId><version>1</version><packaging>pom</packaging>
<dependencies>
${dependency('org.apache.kafka', 'kafka_2.13', KAFKA_VERSION)}
${dependency('org.apache.logging.log4j', 'log4j-slf4j-impl', LOG_BINDING_VERSION)}
</dependencies></project>
`;
}

function librariesIn(cache: string): string {
  return join(cache, `kafka-${KAFKA_VERSION}`);
}

async function hasLibraries(libraries: string): Promise<boolean> {
  const names = await readdir(libraries).catch((): string[] => []);
  return (
    names.filter((name) => name.endsWith('.jar')).length >= JAR_COUNT_MIN &&
    names.includes(`kafka_2.13-${KAFKA_VERSION}.jar`)
  );
}

type Java =
  | { readonly kind: 'found'; readonly path: string; readonly version: string }
  | { readonly kind: 'missing'; readonly reason: string };

async function findJava(): Promise<Java> {
  const home = process.env['JAVA_HOME'];
  const path = home === undefined || home === '' ? await findProgram('java') : join(home, 'bin/java');
  const advice = `install Java ${OLDEST_JAVA} or newer, or set HEADWATER_TEST_KAFKA_BROKERS`;
  if (path === undefined) return { kind: 'missing', reason: `Kafka: no \`java\` on the PATH; ${advice}` };
  try {
    const { stderr: version } = await run(path, ['-version']);
    const major = Number(/version "(?:1\.)?(\d+)/.exec(version)?.[1]);
    if (major >= OLDEST_JAVA) return { kind: 'found', path, version };
    return { kind: 'missing', reason: `Kafka: ${path} is Java ${major}; ${advice}` };
  } catch (error) {
    return { kind: 'missing', reason: `Kafka: ${path} does not run (${String(error)}); ${advice}` };
  }
}
