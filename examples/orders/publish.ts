/** Tells the broker, as best it can: by then the transaction has committed, or has not begun. */
export async function publish(type: string, payload: object): Promise<void> {
  const url = process.env['BROKER_URL'] ?? 'http://127.0.0.1:4000';
  const answer = await fetch(url, { method: 'POST', body: JSON.stringify({ type, payload }) });
  if (!answer.ok) throw new Error(`the broker answered ${answer.status}`);
}
