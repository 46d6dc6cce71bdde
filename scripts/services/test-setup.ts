import { brokerVariable, openServiceBroker, type ServiceBroker } from './broker.ts';
import { ServiceOwner } from './owner.ts';

/*
 * For `node --test --test-global-setup=scripts/services/test-setup.ts`: the process that runs the test files owns the servers
 * they share. Nothing starts before a file asks for it. The servers end with this process even when it is killed.
 */
const owner = new ServiceOwner();
let broker: ServiceBroker | undefined;

export async function globalSetup(): Promise<void> {
  broker = await openServiceBroker(owner);
  process.env[brokerVariable] = broker.socketPath;
}

export async function globalTeardown(): Promise<void> {
  for (const { name, reason, requesters } of owner.listMissing()) {
    process.stderr.write(
      `\nleft out for want of ${name}: ${reason}\n${requesters.map((file) => `  ${file}\n`).join('')}`,
    );
  }
  await broker?.[Symbol.asyncDispose]();
  await owner[Symbol.asyncDispose]();
}
