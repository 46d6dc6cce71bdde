import { relative } from 'node:path';
import { askServiceBroker, brokerVariable } from './broker.ts';
import { ServiceOwner } from './owner.ts';
import type { ServiceAddress, ServiceName } from './service.ts';

/** What this process already knows; a second question costs nothing. */
const known = new Map<ServiceName, Promise<ServiceAddress>>();
let ownServices: ServiceOwner | undefined;

/**
 * The address of a service: from the environment, else from the process that owns the servers of this run, else from a
 * server that this process starts for itself and that ends with it.
 */
export function obtainService(name: ServiceName): Promise<ServiceAddress> {
  let address = known.get(name);
  if (address === undefined) {
    address = askOrStart(name);
    known.set(name, address);
  }
  return address;
}

function askOrStart(name: ServiceName): Promise<ServiceAddress> {
  const requester = relative(process.cwd(), process.argv[1] ?? 'unknown');
  const socketPath = process.env[brokerVariable];
  if (socketPath !== undefined && socketPath !== '') return askServiceBroker(socketPath, name, requester);
  ownServices ??= new ServiceOwner();
  return ownServices.obtain(name, requester);
}
