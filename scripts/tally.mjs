// Counts a run of tests, and says how it went in one plain line. What was skipped has not passed.

/** In CI nothing may be skipped: there a skipped test has failed. */
export function makeTally(inCi) {
  const counts = { passed: 0, failed: 0, skipped: 0 }
  return {
    /** A part of the run beside the tests failed, or several did. */
    fail(times = 1) {
      counts.failed += times
    },
    /** A `test:pass` event. `isFile`: it stands for a whole file, whose tests have been counted themselves. */
    pass({ details, skip, todo }, isFile) {
      // Of a suite that is skipped, no test is reported: it counts itself.
      if (isSet(skip) || isSet(todo)) counts[inCi ? 'failed' : 'skipped'] += 1
      else if (details.type !== 'suite' && !isFile) counts.passed += 1
    },
    /** A `test:fail` event. A file that could not run at all counts as one failure, a suite by its tests. */
    failTest({ details }) {
      if (details.type !== 'suite') counts.failed += 1
    },
    /** How the run ended. One that broke off, or that tested nothing, has failed. */
    end(isComplete) {
      const { passed, failed, skipped } = counts
      const failures = isComplete && passed > 0 ? failed : Math.max(failed, 1)
      const suffix = skipped === 0 ? '' : `, ${skipped} skipped`
      return { status: failures === 0 ? 0 : 1, line: `${passed} passed, ${failures} failed${suffix}` }
    },
  }
}

/** Node sets `skip` and `todo` to true or to a reason, which may be empty. */
function isSet(mark) {
  return mark !== undefined && mark !== false
}
