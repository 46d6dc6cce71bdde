/** What one private broker needs to know. */
export interface BrokerSettings {
  readonly port: number;
  readonly controllerPort: number;
  readonly dataDirectory: string;
  /** A second listener, which asks for user name and password (SASL PLAIN). */
  readonly sasl?: { readonly port: number; readonly username: string; readonly password: string } | undefined;
  /** Further settings of the broker. */
  readonly settings?: Readonly<Record<string, string | number | boolean>> | undefined;
}

/** `server.properties` of one node that is broker and controller, small and quick to start; loopback only. */
export function renderBrokerProperties(settings: BrokerSettings): string {
  const { port, controllerPort, sasl } = settings;
  const saslListener = sasl === undefined ? '' : `,SASL_PLAINTEXT://127.0.0.1:${sasl.port}`;
  const listeners = `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}${saslListener}`;
  return renderProperties({
    ...(sasl === undefined ? {} : renderSasl(sasl)),
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.bootstrap.servers': `127.0.0.1:${controllerPort}`,
    listeners,
    'advertised.listeners': listeners,
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT',
    'log.dirs': settings.dataDirectory,
    'default.replication.factor': 1,
    'min.insync.replicas': 1,
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 1,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'transaction.state.log.num.partitions': 1,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
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
  const module = 'org.apache.kafka.common.security.plain.PlainLoginModule';
  return {
    'listener.name.sasl_plaintext.sasl.enabled.mechanisms': 'PLAIN',
    'listener.name.sasl_plaintext.plain.sasl.jaas.config': `${module} required user_${sasl.username}="${sasl.password}";`,
  };
}

function renderProperties(properties: Readonly<Record<string, string | number | boolean>>): string {
  return Object.entries(properties)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}
