import { existsSync } from 'node:fs';
import { loadEnvFile } from 'node:process';
import { CommanderError } from 'commander';
import { ExitCode, formatError } from './cli-error.ts';
import { exitOnEpipe } from './output.ts';
import { createProgram } from './program.ts';

if (existsSync('.env')) loadEnvFile();
exitOnEpipe();
const cli = createProgram();
try {
  await cli.parseAsync();
} catch (error) {
  // commander has already printed the error
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? ExitCode.OK : ExitCode.USAGE;
  else {
    process.stderr.write(`${formatError(error, cli.opts().json === true)}\n`);
    process.exitCode = ExitCode.FAILED;
  }
}
