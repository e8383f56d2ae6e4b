// Decides with @cloud-copilot/iam-simulate: a JSON line in is [repeats, simulation], a JSON line out is
// {result, error, microseconds} of the last run. The package is found from the folder that argv names.
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'
import { join, resolve } from 'node:path'

const require = createRequire(join(resolve(process.argv[2]), 'package.json'))
const { runSimulation } = require('@cloud-copilot/iam-simulate')

for await (const line of createInterface({ input: process.stdin })) {
  const [repeats, simulation] = JSON.parse(line)
  let answer
  const start = performance.now()
  try {
    for (let count = 0; count < repeats; count++) answer = await runSimulation(simulation, {})
    const error = answer.resultType === 'error' ? JSON.stringify(answer.errors) : null
    answer = { result: answer.overallResult ?? null, error }
  } catch (error) {
    answer = { result: null, error: String(error) }
  }
  const microseconds = ((performance.now() - start) * 1000) / repeats
  process.stdout.write(JSON.stringify({ ...answer, microseconds }) + '\n')
}
