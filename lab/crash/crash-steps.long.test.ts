import { testCrashes } from './crash-suite.ts';

await testCrashes({ perCaptureStep: 50, perSink: 20 });
