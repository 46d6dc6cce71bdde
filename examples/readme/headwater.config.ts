import { defineConfig } from '../../src/index.ts';
import { postgresSink, type RecordStatements } from '../../src/postgres-sink.ts';

const url = process.env['REPORTS_URL'];
const recordSale: RecordStatements = (record) =>
  record.kind === 'event' ? [{ text: 'insert into sales (order_id) values ($1)', values: [record.event.key] }] : [];

export default defineConfig({
  source: { url: '${DATABASE_URL}', tables: ['orders'] },
  lanes: {
    copy: { sink: postgresSink({ url }) }, // every row of `orders`
    sales: { sink: postgresSink({ url, statements: recordSale }) }, // a statement for every event
  },
});
