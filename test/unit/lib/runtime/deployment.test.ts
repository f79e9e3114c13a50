import { describe, expect, it } from 'vitest';
import { resolveDeployment } from '../../../../services/lib/runtime/deployment.ts';
import { modules } from '../../../support/test-system.ts';

const namesOf = (list: readonly { name: string }[]) => list.map(({ name }) => name);

describe('the placement of services', () => {
  it('has all of them here without a target', () => {
    const { local, remote, split } = resolveDeployment(modules);
    expect([namesOf(local), namesOf(remote), split]).toEqual([namesOf(modules), [], false]);
  });

  it('has the named ones here, and those that they call elsewhere', () => {
    const { local, remote, split } = resolveDeployment(modules, 'session, task-dispatch');
    expect(namesOf(local)).toEqual(['session', 'task-dispatch']);
    expect(namesOf(remote)).toEqual(['message-analysis']);
    expect(split).toBe(true);
  });

  it('is split also when nothing is called elsewhere', () => {
    const independent = { ...modules[0]!, name: 'independent', uses: [] };
    const { remote, split } = resolveDeployment([...modules, independent], 'independent');
    expect([namesOf(remote), split]).toEqual([[], true]);
  });

  it.each(['sessions', '', 'session,', 'session;handover'])('refuses the target "%s" in a sentence', (target) => {
    expect(() => resolveDeployment(modules, target)).toThrow(/--target=.*it has to be one or more of/);
  });
});
