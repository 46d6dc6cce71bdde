/** `headwater/webhook`: sends signed webhooks to an endpoint, checks them at a receiver, and takes them by an inbox. Needs no further package. */
export { webhookSink } from './delivery/sinks/webhook/webhook-sink.ts';
export type { PrivateAddresses } from './delivery/sinks/webhook/address-rules.ts';
export type { WebhookLookup } from './delivery/sinks/webhook/guarded-lookup.ts';
export type { WebhookSecret, WebhookSinkOptions, WebhookTls } from './delivery/sinks/webhook/webhook-options.ts';
export {
  verifyWebhook,
  type ReceivedHeaders,
  type VerifiedWebhook,
  type VerifyWebhookOptions,
} from './delivery/sinks/webhook/verify-webhook.ts';
export type { SinkDefinition } from './delivery/sink.ts';
export {
  webhookReceiver,
  type WebhookAnswer,
  type WebhookReceiver,
  type WebhookReceiverOptions,
} from './application/consumers/webhook/webhook-receiver.ts';
