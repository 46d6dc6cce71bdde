import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { homedir, userInfo } from 'node:os';
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

type Preparation =
  | { readonly kind: 'ready'; readonly distribution: KafkaDistribution }
  | { readonly kind: 'missing'; readonly reason: string };

let preparation: Promise<Preparation> | undefined;

/** Why Kafka cannot be had here; undefined when it can. Gets the jars, starts nothing. */
export async function explainMissingKafka(): Promise<string | undefined> {
  const prepared = await prepareOnce();
  return prepared.kind === 'missing' ? prepared.reason : undefined;
}

/** Finds Java and Kafka's jars, getting them by Maven once. Safe when several processes do it at once. */
export async function openKafkaDistribution(): Promise<KafkaDistribution> {
  const prepared = await prepareOnce();
  if (prepared.kind === 'missing') throw new Error(prepared.reason);
  return prepared.distribution;
}

function prepareOnce(): Promise<Preparation> {
  preparation ??= prepare();
  return preparation;
}

async function prepare(): Promise<Preparation> {
  const java = await findJava();
  if (java.kind === 'missing') return java;
  const cache = await openCacheDirectory();
  const libraries = join(cache, `kafka-${KAFKA_VERSION}`);
  if (!(await hasLibraries(libraries))) {
    const advice = 'install Maven, or set HEADWATER_TEST_KAFKA_BROKERS';
    const maven = await findProgram('mvn');
    if (maven === undefined) return { kind: 'missing', reason: `Kafka: no \`mvn\` on the PATH to get it; ${advice}` };
    try {
      await withProgress(`getting Kafka ${KAFKA_VERSION} with Maven`, fetchLibraries(maven, libraries));
    } catch (error) {
      return { kind: 'missing', reason: `Kafka: Maven could not get it: ${explainMaven(error)}` };
    }
  }
  // An archive fits only the Java that wrote it and the very same class path.
  const fingerprint = createHash('sha256')
    .update(`${java.path}\0${java.version}\0${libraries}`)
    .digest('hex')
    .slice(0, 16);
  const archive = join(cache, `kafka-${KAFKA_VERSION}-${fingerprint}.jsa`);
  return { kind: 'ready', distribution: { java: java.path, libraries, archive } };
}

async function fetchLibraries(maven: string, libraries: string): Promise<void> {
  await withPreparationLock(libraries, async () => {
    if (await hasLibraries(libraries)) return;
    const partial = await mkdtemp(`${libraries}.partial-`);
    try {
      await writeFile(join(partial, 'pom.xml'), renderProject());
      const jars = join(partial, 'jars');
      const goal = ['dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${jars}`];
      await run(maven, ['-B', '-q', '-Dstyle.color=never', '-f', join(partial, 'pom.xml'), ...goal], {
        env: mavenEnvironment(),
      });
      await rm(libraries, { recursive: true, force: true });
      await rename(jars, libraries);
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

/** Java takes the home directory from the user's entry; HOME is what the user, or a container, says. */
function mavenEnvironment(): NodeJS.ProcessEnv {
  if (homedir() === userInfo().homedir) return process.env;
  return { ...process.env, MAVEN_OPTS: `${process.env['MAVEN_OPTS'] ?? ''} -Duser.home=${homedir()}` };
}

/** Maven's first error line; the rest repeats it at length. */
function explainMaven(error: unknown): string {
  const output = error instanceof Error && 'stdout' in error ? String(error.stdout) : '';
  const line = output.split('\n').find((text) => text.includes('[ERROR]'));
  return (line ?? String(error)).slice(0, 500);
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
