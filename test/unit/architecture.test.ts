import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';

const SERVICES = ['session', 'task-dispatch', 'message-analysis', 'handover', 'gateway'];

/** What a folder may import, beside packages: see the table in CONTRIBUTING.md, under Layout. */
const rules: { files: RegExp; may: RegExp }[] = [
  {
    files: /^services\/main\.ts$/,
    may: /^services\/(lib\/(runtime\/(announce-start|deployment|process)|config\/(load-config|read-environment)|observability\/logger)|[\w-]+\/module)\.ts$/,
  },
  { files: /^services\/lib\//, may: /^(services\/lib|gen)\// },
  ...SERVICES.filter((name) => name !== 'gateway').flatMap((name) => [
    {
      files: new RegExp(`^services/${name}/domain/`),
      may: new RegExp(`^(gen|services/lib/(errors|text)|services/${name}/domain)/|^services/lib/runtime/backoff\\.ts$`),
    },
    {
      files: new RegExp(`^services/${name}/store/`),
      may: new RegExp(
        `^(gen|services/lib/(db|messaging/outbox|errors|text)|services/${name}/(domain|store))/|^services/lib/runtime/(request-context|clock)\\.ts$`,
      ),
    },
    { files: new RegExp(`^services/${name}/`), may: new RegExp(`^(gen|services/lib|services/${name})/`) },
  ]),
  { files: /^services\/gateway\//, may: /^(gen|services\/lib|services\/gateway)\// },
  { files: /^examples\//, may: /^examples\// },
  {
    files: /^cli\//,
    may: /^(cli|services\/lib|scripts\/check-invariants)\/|^services\/(main|[\w-]+\/module)\.ts$|^package\.json$/,
  },
];

const pureGlobals = /\b(Date\.now|new Date\(\)|Math\.random|setTimeout|setInterval|process\.)/;

function sources(root: string): string[] {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name));
}

function relativeImports(file: string): string[] {
  const text = readFileSync(file, 'utf8');
  return [...text.matchAll(/(?:from|import)\s*\(?'(\.[^']+)'/g)].map((match) =>
    normalize(join(dirname(file), match[1] ?? '')),
  );
}

/** The files of the first import cycle, each importing the next, with the first one again at the end; empty without a cycle. */
function findCycle(importsOf: ReadonlyMap<string, readonly string[]>): string[] {
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): string[] => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (done.has(file)) return [];
    for (const target of importsOf.get(file) ?? []) {
      const cycle = visit(target, [...path, file]);
      if (cycle.length > 0) return cycle;
    }
    done.add(file);
    return [];
  };
  for (const file of importsOf.keys()) {
    const cycle = visit(file, []);
    if (cycle.length > 0) return cycle;
  }
  return [];
}

describe('the architecture', () => {
  it.each([...sources('services'), ...sources('examples'), ...sources('cli')])(
    '%s imports only what its folder may',
    (file) => {
      const rule = rules.find(({ files }) => files.test(file));
      expect(rule).toBeDefined();
      expect(relativeImports(file).filter((target) => !rule?.may.test(target))).toEqual([]);
    },
  );

  it('has no import cycle in the services, imports of types included', () => {
    const importsOf = new Map(sources('services').map((file) => [file, relativeImports(file)]));
    expect(findCycle(importsOf)).toEqual([]);
  });

  it('keeps domain folders free of the clock, chance and the process', () => {
    const impure = sources('services')
      .filter((file) => file.includes('/domain/'))
      .filter((file) => pureGlobals.test(readFileSync(file, 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '')));
    expect(impure).toEqual([]);
  });

  it('reads the wall clock only in the clock, for log lines, and for the row that probes the database', () => {
    const may = [
      'services/lib/runtime/clock.ts',
      'services/lib/db/probe/probe-write.ts',
      'services/lib/observability/logger.ts',
    ];
    const reading = sources('services').filter((file) => /\bDate\.now\b|new Date\(\)/.test(readFileSync(file, 'utf8')));
    expect(reading.filter((file) => !may.includes(file))).toEqual([]);
  });

  it('uses the clocks of database and queue only to tell two starts of a server apart', () => {
    const may = ['services/lib/db/mysql/restart-detector.ts'];
    const asking = /\bNOW\(\d?\)|CURRENT_TIMESTAMP|UNIX_TIMESTAMP|SYSDATE|'TIME'|datetime\('now'/;
    const used = sources('services').filter((file) => asking.test(readFileSync(file, 'utf8')));
    expect(used).toEqual(may);
  });

  it('ends the process nowhere but in main.ts', () => {
    const exits = sources('services').filter((file) => /process\.exit\(/.test(readFileSync(file, 'utf8')));
    expect(exits).toEqual(['services/main.ts']);
  });

  it('lets only the relay append to the log', () => {
    const appends = sources('services').filter((file) => /(log|writer)\.append\(/.test(readFileSync(file, 'utf8')));
    expect(appends).toEqual(['services/lib/messaging/outbox/relay.ts']);
  });

  it('has every service behind its module only', () => {
    for (const name of SERVICES) expect(readFileSync('services/main.ts', 'utf8')).toContain(`./${name}/module.ts`);
  });
});
