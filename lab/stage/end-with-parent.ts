/*
 * Imported by the configuration files of the lab, so that a Headwater never outlives the program that started it: that one
 * holds the other end of standard input, and the kernel closes it however that program ends. Does not keep the process alive.
 */
process.stdin.on('end', () => process.exit(1));
process.stdin.on('error', () => process.exit(1));
process.stdin.resume();
if ('unref' in process.stdin && typeof process.stdin.unref === 'function') process.stdin.unref();
