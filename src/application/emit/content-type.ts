/** Whether a content type is JSON. https://www.rfc-editor.org/rfc/rfc6839#section-3.1 */
export function isJsonType(contentType: string): boolean {
  const essence = contentType.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  return essence === 'application/json' || essence.endsWith('+json');
}
