import { testCrashes } from './crash-suite.ts';

await testCrashes({ perCaptureStep: 2, perSink: 2 });
