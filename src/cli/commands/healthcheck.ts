import { configOptions, type Command } from '../command.ts';
import { askService, clientOptions } from '../service-client.ts';

/** `headwater healthcheck`. */
export const healthcheckCommand: Command = {
  name: 'healthcheck',
  summary: 'ask the running Headwater whether it is ready (for containers)',
  usage: '[options]',
  description: 'Asks /readyz. Exit code 0: ready. 1: not ready, with the reasons. 6: nobody answers.',
  options: { ...configOptions, ...clientOptions },
  examples: ['headwater healthcheck --url http://127.0.0.1:7070'],
  async run(input) {
    const { statusCode, body } = await askService(input, '/readyz');
    if (input.json) input.terminal.out(JSON.stringify(body));
    else input.terminal.out(statusCode === 200 ? 'ready' : `not ready: ${reasonsOf(body).join('; ')}`);
    return statusCode === 200 ? 0 : 1;
  },
};

function reasonsOf(body: unknown): readonly string[] {
  if (typeof body !== 'object' || body === null || !('reasons' in body) || !Array.isArray(body.reasons))
    return ['unknown'];
  return body.reasons.map(String);
}
