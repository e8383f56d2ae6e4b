// Walks from the source role through the middle role into the target role, with the AWS SDK for JavaScript alone.
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";

const MIDDLE = "arn:aws:iam::222222222222:role/rolechain/article-middle";
const TARGET = "arn:aws:iam::333333333333:role/rolechain/article-target";
const EARLY = 5 * 60 * 1000;

// One hop: asks for a role's session, and keeps it until shortly before it ends.
function hop(callerCredentials, roleArn) {
  let session;
  return async () => {
    if (!session || session.expiration - Date.now() < EARLY) {
      const sts = new STSClient({ region: "us-east-1", credentials: callerCredentials });
      const { Credentials: given } = await sts.send(
        new AssumeRoleCommand({ RoleArn: roleArn, RoleSessionName: "walk", DurationSeconds: 3600 }),
      );
      session = {
        accessKeyId: given.AccessKeyId,
        secretAccessKey: given.SecretAccessKey,
        sessionToken: given.SessionToken,
        expiration: given.Expiration,
      };
    }
    return session;
  };
}

const middle = hop(undefined, MIDDLE); // undefined: what the SDK finds in its environment
const target = hop(middle, TARGET);
const client = new STSClient({ region: "us-east-1", credentials: target });
console.log((await client.send(new GetCallerIdentityCommand({}))).Arn);
