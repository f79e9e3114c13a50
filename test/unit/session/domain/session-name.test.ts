import { expect, it } from 'vitest';
import { routesOf } from '../../../../services/gateway/rest/routes.ts';
import { assertSessionName, RESERVED_NAMES } from '../../../../services/session/domain/session-name.ts';
import { allServices } from '../../../support/gateway/rest-fixture.ts';

it('the reserved names include every path segment that routes have in the place of a session', () => {
  const literals = routesOf(allServices)
    .map(({ path }) => /^\/api\/sessions\/([^/{]+)/.exec(path)?.[1])
    .filter((segment) => segment !== undefined);
  expect(literals).toContain('open');
  expect(RESERVED_NAMES).toEqual(expect.arrayContaining([...new Set(literals)]));
});

it('a session name is refused when it looks like an id, contains a slash, or is a path of the API or a relative path', () => {
  for (const name of ['ses_1', 'ses_', 'a/b', '.', '..', ...RESERVED_NAMES])
    expect(() => assertSessionName(name), name).toThrow();
  for (const name of ['user_1', 'session', '访客 1', 'Open', 'a.b@c'])
    expect(() => assertSessionName(name)).not.toThrow();
});
