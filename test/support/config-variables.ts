import { loadConfig } from '../../services/lib/config/load-config.ts';
import { resolveDeployment } from '../../services/lib/runtime/deployment.ts';
import { modules } from './test-system.ts';

/** The names of the environment variables that loadConfig reads. */
export function variablesRead(env: Record<string, string>, placement = resolveDeployment(modules)): Set<string> {
  const names = new Set<string>();
  const recording = new Proxy(env, {
    get(target, name: string) {
      names.add(name);
      return target[name];
    },
  });
  loadConfig(recording, placement);
  return names;
}
