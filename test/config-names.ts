import { loadConfig } from '../services/lib/load-config.ts';
import { placeModules } from '../services/lib/placement.ts';
import { modules } from './world.ts';

/** The names that loadConfig looks up in this environment. */
export function namesRead(env: Record<string, string>, placement = placeModules(modules)): Set<string> {
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
