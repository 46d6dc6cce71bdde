/** What one private broker needs to know. */
export interface BrokerSettings {
  readonly port: number;
  readonly controllerPort: number;
  readonly dataDirectory: string;
  /** Its place among several; undefined: it is alone. */
  readonly member?: ClusterMember | undefined;
  /** A second listener, which asks for user name and password (SASL PLAIN, SCRAM) or an unsigned token (OAUTHBEARER). */
  readonly sasl?: { readonly port: number; readonly username: string; readonly password: string } | undefined;
  /** Further settings of the broker. */
  readonly settings?: Readonly<Record<string, string | number | boolean>> | undefined;
  readonly tls?: readonly TlsListenerFiles[];
}

/** One of several nodes, each of them broker and controller. */
export interface ClusterMember {
  readonly clusterId: string;
  readonly nodeId: number;
  /** Of each node the port of its controller; its id is the place plus one. */
  readonly controllerPorts: readonly number[];
}

/** A listener with TLS, and the PEM files that it reads. */
export interface TlsListenerFiles {
  readonly port: number;
  /** Private key and certificate. */
  readonly keyStore: string;
  /** Who may sign certificates of clients. Undefined: none is asked for. */
  readonly trustStore: string | undefined;
}

/** `server.properties` of one node that is broker and controller, small and quick to start; loopback only. */
export function renderBrokerProperties(settings: BrokerSettings): string {
  const { port, controllerPort, member, sasl, tls = [] } = settings;
  const replicas = member?.controllerPorts.length ?? 1;
  const inSync = replicas > 1 ? replicas - 1 : 1;
  const saslListener = sasl === undefined ? '' : `,SASL_PLAINTEXT://127.0.0.1:${sasl.port}`;
  const tlsListeners = tls.map((listener, index) => `,TLS${index}://127.0.0.1:${listener.port}`).join('');
  const tlsProtocols = tls.map((_, index) => `,TLS${index}:SSL`).join('');
  const listeners = `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}${saslListener}${tlsListeners}`;
  return renderProperties({
    ...(sasl === undefined ? {} : renderSasl(sasl)),
    ...Object.fromEntries(tls.flatMap((listener, index) => Object.entries(renderTls(listener, index)))),
    'process.roles': 'broker,controller',
    'node.id': member?.nodeId ?? 1,
    ...renderQuorum(controllerPort, member),
    listeners,
    'advertised.listeners': listeners,
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'listener.security.protocol.map': `PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT${tlsProtocols}`,
    'log.dirs': settings.dataDirectory,
    'default.replication.factor': replicas,
    'min.insync.replicas': inSync,
    'offsets.topic.replication.factor': replicas,
    'offsets.topic.num.partitions': 1,
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': inSync,
    'transaction.state.log.num.partitions': 1,
    'share.coordinator.state.topic.replication.factor': replicas,
    'share.coordinator.state.topic.min.isr': inSync,
    'share.coordinator.state.topic.num.partitions': 1,
    'group.initial.rebalance.delay.ms': 0,
    // A misspelt topic is an error that a test should see, not a new topic.
    'auto.create.topics.enable': false,
    // After a SIGKILL the controller lets the broker back in only when its old session is over; 9 s by default.
    'broker.session.timeout.ms': 3_000,
    'broker.heartbeat.interval.ms': 500,
    'num.network.threads': 1,
    'num.io.threads': 2,
    'log.cleaner.threads': 1,
    'log.cleaner.dedupe.buffer.size': 4_194_304,
    'background.threads': 2,
    'log.segment.bytes': 16_777_216,
    'log.index.size.max.bytes': 1_048_576,
    ...settings.settings,
  });
}

/** A node alone finds itself; several have fixed voters, so that each can be formatted without the others. */
function renderQuorum(controllerPort: number, member: ClusterMember | undefined): Readonly<Record<string, string>> {
  if (member === undefined) return { 'controller.quorum.bootstrap.servers': `127.0.0.1:${controllerPort}` };
  const voters = member.controllerPorts.map((port, index) => `${index + 1}@127.0.0.1:${port}`);
  return { 'controller.quorum.voters': voters.join(',') };
}

/** `log4j2.properties`: warnings to standard output, and the one line that says the broker has started. */
export function renderLogProperties(): string {
  return renderProperties({
    'rootLogger.level': 'WARN',
    'rootLogger.appenderRefs': 'out',
    'rootLogger.appenderRef.out.ref': 'out',
    'appender.out.type': 'Console',
    'appender.out.name': 'out',
    'appender.out.layout.type': 'PatternLayout',
    'appender.out.layout.pattern': '%d %p %c - %m%n',
    'logger.server.name': 'kafka.server.KafkaRaftServer',
    'logger.server.level': 'INFO',
  });
}

function renderSasl(sasl: { readonly username: string; readonly password: string }): Readonly<Record<string, string>> {
  const prefix = 'listener.name.sasl_plaintext';
  const module = 'org.apache.kafka.common.security';
  const login = `${module}.scram.ScramLoginModule required;`;
  return {
    [`${prefix}.sasl.enabled.mechanisms`]: 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER',
    [`${prefix}.plain.sasl.jaas.config`]: `${module}.plain.PlainLoginModule required user_${sasl.username}="${sasl.password}";`,
    [`${prefix}.scram-sha-256.sasl.jaas.config`]: login,
    [`${prefix}.scram-sha-512.sasl.jaas.config`]: login,
    // Without further settings the broker takes unsigned tokens and checks their subject and times.
    [`${prefix}.oauthbearer.sasl.jaas.config`]: `${module}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";`,
  };
}

function renderTls({ keyStore, trustStore }: TlsListenerFiles, index: number): Readonly<Record<string, string>> {
  const prefix = `listener.name.tls${index}.ssl`;
  const clients = {
    [`${prefix}.client.auth`]: 'required',
    [`${prefix}.truststore.type`]: 'PEM',
    [`${prefix}.truststore.location`]: trustStore ?? '',
  };
  return {
    [`${prefix}.keystore.type`]: 'PEM',
    [`${prefix}.keystore.location`]: keyStore,
    ...(trustStore === undefined ? {} : clients),
  };
}

function renderProperties(properties: Readonly<Record<string, string | number | boolean>>): string {
  return Object.entries(properties)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}
