import { parseArgs } from 'node:util';
import { availableServers } from '../test/support/servers/servers.ts';

/** The modes in which the system is measured. */
export const modes = ['embedded', 'single-process', 'split'] as const;
export type Mode = (typeof modes)[number];

/** The parts of the benchmark. */
export const scenarioNames = ['a', 'b', 'c', 'd', 'e'] as const;
export type ScenarioName = (typeof scenarioNames)[number];

/** The options of a run. */
export interface Options {
  readonly quick: boolean;
  readonly scenarios: readonly ScenarioName[];
  readonly modes: readonly Mode[];
  /** The duration of each timed measurement; undefined for the profile's own. */
  readonly seconds?: number;
  readonly json?: string;
  readonly compare?: string;
  readonly markdown?: string;
}

export const usage = `Measures Auto Session together with the raw limits of its dependencies, in one run on this machine.

  npm run bench -- [options]
    --quick             a short run of everything as a smoke test; its figures mean little
    --only=a,b,c,d,e    a: main flow; b: single steps and event streams; c: 10^4 and 10^6 stored sessions; d: overload; e: chats
    --modes=M,…         embedded, single-process (on MariaDB, Redis and NATS), split (a process per service)
    --seconds N         how long each timed measurement lasts
    --json FILE         writes the figures for a later comparison
    --compare FILE      compares with the figures of an earlier run
    --markdown FILE     writes the figures between the markers of that file, as in bench/README.md
    --help

The servers are private ones on free ports. They are started from the machine's own binaries and stopped at the end.
`;

/** Parses the arguments; throws an error with a readable message on invalid ones. */
export function parseOptions(args: readonly string[]): Options | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string', default: scenarioNames.join() },
      modes: { type: 'string' },
      seconds: { type: 'string' },
      json: { type: 'string' },
      compare: { type: 'string' },
      markdown: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return 'help';
  const { quick, json, compare, markdown } = values;
  return {
    quick,
    json,
    compare,
    markdown,
    scenarios: parseList('only', values.only, scenarioNames),
    modes: parseModes(values.modes),
    seconds: values.seconds === undefined ? undefined : parsePositive('seconds', values.seconds),
  };
}

/** Whether this machine has the servers that two of the three modes need. */
export const hasServers = Object.values(availableServers).every(Boolean);

function parseModes(text: string | undefined): readonly Mode[] {
  if (text === undefined) return hasServers ? modes : ['embedded'];
  const selected = parseList('modes', text, modes);
  if (!hasServers && selected.some((mode) => mode !== 'embedded'))
    throw new Error(
      '--modes: this machine has no MariaDB, Redis and NATS (apt-get install mariadb-server redis-server nats-server)',
    );
  return selected;
}

function parseList<T extends string>(name: string, text: string, allowed: readonly T[]): T[] {
  const given = text.split(',').map((word) => word.trim());
  const unknown = given.filter((word) => !(allowed as readonly string[]).includes(word));
  if (unknown.length > 0) throw new Error(`--${name} accepts ${allowed.join(', ')}, not "${unknown.join(', ')}"`);
  return allowed.filter((word) => given.includes(word));
}

function parsePositive(name: string, text: string): number {
  const number = Number(text);
  if (!(number > 0)) throw new Error(`--${name} is "${text}": it must be a number above 0`);
  return number;
}
