import { checkEveryUse } from '../services/lib/db/check-compiled.ts';

checkEveryUse();
