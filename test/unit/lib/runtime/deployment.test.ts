import { describe, expect, it } from 'vitest';
import { resolveDeployment } from '../../../../services/lib/runtime/deployment.ts';
import { modules } from '../../../support/test-system.ts';

const namesOf = (list: readonly { name: string }[]) => list.map(({ name }) => name);

describe('the placement of services', () => {
  it('has all of them here without a target', () => {
    expect(resolveDeployment(modules)).toEqual({ local: modules, remote: [], split: false });
  });

  it('has the named ones here, and those that they call elsewhere', () => {
    const { local, remote, split } = resolveDeployment(modules, 'session, task-dispatch');
    expect(namesOf(local)).toEqual(['session', 'task-dispatch']);
    expect(namesOf(remote)).toEqual(['message-analysis']);
    expect(split).toBe(true);
  });

  it('is split also when nothing is called elsewhere', () => {
    expect(resolveDeployment(modules, 'handover')).toMatchObject({ remote: [], split: true });
  });

  it.each(['sessions', '', 'session,', 'session;handover'])('refuses the target "%s" in a sentence', (target) => {
    expect(() => resolveDeployment(modules, target)).toThrow(/--target=.*it has to be one or more of/);
  });
});
