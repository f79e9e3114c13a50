import { enableEveryUseCheck } from '../../services/lib/db/precompiled-query/check-precompiled-query.ts';

enableEveryUseCheck();
