// Adds up the reports of the tests and the checks. A step that failed without saying what failed counts as one failure.
import { existsSync, readFileSync } from "node:fs";

const [folder, testStatus, checkStatus] = process.argv.slice(2);

function read(name) {
  const file = `${folder}/${name}`;
  return existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : {};
}

function count(title, { passed = 0, failed = 0 }, status) {
  const missed = passed + failed === 0 || (status !== "0" && failed === 0) ? 1 : 0;
  if (missed > 0) console.log(`${title}: ended with exit code ${status} and ${passed} passed`);
  return { passed, failed: failed + missed };
}

const { numPassedTests, numFailedTests, numPendingTests = 0, numTodoTests = 0 } = read("tests.json");
const tests = count("tests", { passed: numPassedTests, failed: numFailedTests }, testStatus);
const checks = count("checks", read("checks.json"), checkStatus);
const failed = tests.failed + checks.failed;

console.log(`\ntests: ${tests.passed} passed, ${tests.failed} failed, ${numPendingTests + numTodoTests} not run`);
console.log(`checks: ${checks.passed} passed, ${checks.failed} failed`);
console.log(`${tests.passed + checks.passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
