import type { TidyRule } from './tidy-rules.ts';

export type TidyExemption = {
  readonly path: string;
  readonly rule: TidyRule;
  /** Why this file is better off without the rule, and what would end the exemption. */
  readonly reason: string;
};

/** The most that this list may hold: a fourth wish is a sign that a file, or the rule, wants changing. */
export const TIDY_EXEMPTIONS_MAX = 3;

export const tidyExemptions: readonly TidyExemption[] = [];
