import { existsSync, globSync, readFileSync, statSync } from 'node:fs';
import type { DescMethod } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { EventSchema } from '../../../gen/autosession/event/v1/event_pb.js';
import project from '../../../package.json' with { type: 'json' };
import { nameOf, routesOf } from '../../../services/gateway/rest/routes.ts';
import { variablesRead } from '../../support/config-variables.ts';
import { readRecipes, type Step } from '../../support/deployment/recipes.ts';
import { modules } from '../../support/test-system.ts';

/** What the names between < and > stand for; a step with a name that a piece does not have is left out for that piece. */
type Names = Readonly<Record<string, string | undefined>>;

const recipes = readRecipes('CONTRIBUTING.md');

const kebab = (name: string) => name.replace(/[A-Z]/g, (letter, at) => `${at ? '-' : ''}${letter.toLowerCase()}`);

/** The services that own tables, with their RPCs. The only RPC of the gateway is the stream of events. */
const owners = modules.filter(({ migrations }) => migrations !== undefined);

const rpcs: Names[] = owners.flatMap(({ name: service, provides }) =>
  provides.flatMap((contract) => contract.methods.flatMap((rpc) => namesOfRpc(service, rpc))),
);

function namesOfRpc(service: string, rpc: DescMethod): Names[] {
  const contract = rpc.parent.file.name.replace(/^autosession\//, '');
  const names = { Rpc: rpc.name, rpc: rpc.localName, file: kebab(rpc.name), contract, service };
  const routes = routesOf([rpc.parent]).filter((route) => nameOf(route.rpc) === nameOf(rpc));
  if (routes.length === 0) return [names];
  return routes.map(({ method, path }) => ({ ...names, route: `${method} ${path}` }));
}

const events: Names[] = (EventSchema.oneofs[0]?.fields ?? []).map((field) => ({
  Event: field.message?.name,
  event: field.localName,
  event_name: field.name,
}));

const configSource = readFileSync('services/lib/config/load-config.ts', 'utf8');
const servers = { MYSQL_URL: 'mysql://h/auto_session', REDIS_HOST: 'h', NATS_URL: 'nats://h' };
const settings: Names[] = [...new Set([...variablesRead({}), ...variablesRead(servers)])].map((name) => ({
  NAME: name,
  field: new RegExp(`^ {4}(\\w+): [\\w.(]+\\('${name}'`, 'm').exec(configSource)?.[1],
}));

const tables: Names[] = owners.flatMap(({ name: service, migrations }) =>
  Object.keys(migrations?.tables ?? {}).map((table) => ({ table, service })),
);

const pieces: Readonly<Record<string, readonly Names[]>> = {
  'Add an RPC': rpcs,
  'Add an event': events,
  'Add a setting': settings,
  'Add a table': tables,
};

const PLACEHOLDER = /<(\w+)>/g;
const texts = new Map<string, string>();

function textOf(file: string): string {
  const text = texts.get(file) ?? readFileSync(file, 'utf8');
  texts.set(file, text);
  return text;
}

/** With the names of a piece; undefined when the piece lacks one. */
function fill(template: string, names: Names): string | undefined {
  const missing = [...template.matchAll(PLACEHOLDER)].some(([, name = '']) => names[name] === undefined);
  return missing ? undefined : template.replace(PLACEHOLDER, (_, name: string) => names[name] ?? '');
}

/** The part of a step that concerns every piece: the rest speaks of the example. */
function general(step: Step): Step {
  return { ...step, texts: step.texts.filter((text) => text.match(PLACEHOLDER)), paths: [], commands: [] };
}

/** What a step asks of a piece and is not there. */
function missing({ path, texts: expected, paths, commands }: Step, names: Names): string[] {
  const pattern = fill(path, names);
  if (pattern === undefined) return [];
  const files = globSync(pattern).filter((file) => statSync(file).isFile());
  if (files.length === 0) return [pattern];
  const wanted = expected.flatMap((text) => fill(text, names) ?? []);
  const absentTexts = wanted.filter((text) => !files.some((file) => textOf(file).includes(text)));
  const absentPaths = paths.flatMap((each) => fill(each, names) ?? []).filter((each) => !existsSync(each));
  const absentCommands = commands.filter((command) => !(command.replace('npm run ', '') in project.scripts));
  return [...absentTexts.map((text) => `${pattern}: ${text}`), ...absentPaths, ...absentCommands];
}

/** The names of the piece that a recipe has as its example. */
function exampleOf(title: string, example: string): Names {
  const found = pieces[title]?.find((names) => Object.values(names)[0] === example);
  if (!found) throw new Error(`${title}: there is no ${example}`);
  return found;
}

describe('the recipes', () => {
  it('are there for an RPC, an event, a setting and a table', () => {
    expect(recipes.map(({ title }) => title)).toEqual(Object.keys(pieces));
    for (const { title, steps } of recipes) {
      expect(steps.length).toBeGreaterThan(4);
      expect(pieces[title]?.length).toBeGreaterThan(4);
    }
  });

  it.each(recipes)('name files, names and commands that the example has: $title', ({ title, example, steps }) => {
    const names = exampleOf(title, example);
    expect(steps.flatMap((step) => missing(step, names))).toEqual([]);
  });

  it.each(recipes)('explain every name between < and > by the example: $title', ({ title, example, intro, steps }) => {
    const names = exampleOf(title, example);
    const used = steps.flatMap(
      ({ path, texts, paths }) => [path, ...texts, ...paths].join(' ').match(PLACEHOLDER) ?? [],
    );
    for (const name of new Set(used)) {
      expect(intro).toContain(`\`${name}\``);
      expect(fill(name, names)).toBeDefined();
    }
  });

  it.each(
    recipes.flatMap(({ title, steps }) =>
      steps.filter(({ optional }) => !optional).map((step) => ({ title, step, number: step.number })),
    ),
  )('hold for all that there is: $title, step $number', ({ title, step }) => {
    expect((pieces[title] ?? []).flatMap((names) => missing(general(step), names))).toEqual([]);
  });

  it('would miss a name that a file does not have', () => {
    const step = {
      number: 1,
      path: 'services/<service>/routes.ts',
      texts: ['<rpc>:'],
      paths: [],
      commands: [],
      optional: false,
    };
    expect(missing(step, { service: 'session', rpc: 'createSession' })).toEqual([]);
    expect(missing(step, { service: 'session', rpc: 'sing' })).toEqual(['services/session/routes.ts: sing:']);
    expect(missing(step, { service: 'singing', rpc: 'sing' })).toEqual(['services/singing/routes.ts']);
  });
});
