/** `headwater/file`: records as JSON lines in files of a directory. Needs nothing but the disk. */
export { fileSink } from './delivery/sinks/file/file-sink.ts';
export type { FileCompression, FileSinkOptions } from './delivery/sinks/file/file-options.ts';
export type { SinkDefinition } from './delivery/sink.ts';
