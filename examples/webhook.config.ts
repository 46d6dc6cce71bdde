import { defineConfig } from '../src/index.ts';
import { webhookSink } from '../src/webhook.ts';

const secret = process.env['ACME_WEBHOOK_SECRET'] ?? '';

export default defineConfig({
  source: { url: '${DATABASE_URL}' },
  lanes: {
    acme: {
      sink: webhookSink({ url: 'https://hooks.acme.example/orders', secrets: secret }),
      filter: (record) => record.kind === 'event' && record.event.type.startsWith('order.'),
    },
  },
});
