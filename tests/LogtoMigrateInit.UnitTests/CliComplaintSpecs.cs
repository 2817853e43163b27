using LogtoMigrateInit.LogtoCli;
using Xunit;

namespace LogtoMigrateInit.UnitTests;

/// <summary>The reason among the lines that a real CLI printed.</summary>
public sealed class CliComplaintSpecs
{
    [Theory]
    [InlineData(
        "node:internal/modules/package_json_reader:314\n  throw new ERR_MODULE_NOT_FOUND(packageName, fileURLToPath(base), null);\n        ^\n"
        + "Error [ERR_MODULE_NOT_FOUND]: Cannot find package '@logto/shared' imported from /cli/lib/utils.js\n    at packageResolve (node:internal/modules/esm/resolve:772:81) {\n  code: 'ERR_MODULE_NOT_FOUND'\n}\nNode.js v22.23.3",
        "Error [ERR_MODULE_NOT_FOUND]: Cannot find package '@logto/shared' imported from /cli/lib/utils.js")]
    [InlineData("[1:0x2] 176 ms: Mark-Compact\n<--- JS stacktrace --->\nFATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory\n----- Native stack trace -----\n 1: 0xe46bbe node::OOMErrorHandler() [node]\n19: 0x1d615e2  [node]", "Node.js ran out of memory; give it more with NODE_OPTIONS=--max-old-space-size=")]
    [InlineData("FATAL ERROR: Ineffective mark-compacts near heap limit Allocation failed - JavaScript heap out of memory", "Node.js ran out of memory")]
    [InlineData("error a warning of an alteration\nFATAL ERROR: CALL_AND_RETRY_LAST Allocation failed - JavaScript heap out of memory", "Node.js ran out of memory")]
    [InlineData("FATAL ERROR: v8::ToLocalChecked Empty MaybeLocal\n----- Native stack trace -----\n", "FATAL ERROR: v8::ToLocalChecked Empty MaybeLocal")]
    [InlineData(
        "error: too many connections for role \"lim\"\n    at parseErrorMessage (parser.js:306:11) {\n  length: 105,\n  code: '53300',\n  routine: 'InitializeSessionUserId'\n}\nSpecify --help for available options",
        "too many connections for role \"lim\"; its own connection limit is reached: end sessions that are not needed, or raise it with `alter role \"lim\" connection limit")]
    [InlineData("[UnhandledPromiseRejection: This error originated either by throwing inside of an async function] {\n  code: 'ERR_UNHANDLED_REJECTION'\n}\nNode.js v22.23.3", "[UnhandledPromiseRejection: This error originated")]
    [InlineData("file:///a.js:1\nimport x from\n       ^\n\nSyntaxError: Unexpected end of input\n    at x\n\nNode.js v22.23.3", "SyntaxError: Unexpected end of input")]
    [InlineData("node: error while loading shared libraries: libstdc++.so.6: cannot open shared object file", "node: error while loading shared libraries")]
    [InlineData("something odd\n    at x {\n  \n}\nNode.js v22.23.3\n", "something odd")]
    [InlineData("info Deploy target next\ninfo Found 22 alterations to deploy\n", "")]
    [InlineData("something odd {\n  detail: 'Key (email)=(somebody@example.com) already exists.',\n}", "something odd")]
    [InlineData("", "")]
    public void The_reason_is_found(string output, string expected)
    {
        var text = Hear(output).Text;

        Assert.StartsWith(expected, text, StringComparison.Ordinal);
        Assert.Equal(expected.Length == 0, text.Length == 0);
    }

    [Theory]
    [InlineData("error error: cannot drop table a because other objects depend on it\n    at parse (parser.js:306:11) {\n  detail: 'view op.v depends on table a',\n}", "cannot drop table a because other objects depend on it (view op.v depends on table a)")]
    [InlineData("error error: duplicate key\n    at parse (parser.js:306:11) {\n  detail: 'Key (email)=(somebody@example.com) already exists.',\n}", "duplicate key")]
    public void Of_a_servers_details_only_those_that_hold_no_value_are_added(string output, string expected) => Assert.Equal(expected, Hear(output).Text);

    [Theory]
    [InlineData("error error: zu viele Verbindungen {\n  code: '53300',\n}", true)]
    [InlineData("error ConnectionError: sorry, too many clients already", true)]
    [InlineData("error error: remaining connection slots are reserved for roles with the SUPERUSER attribute", true)]
    [InlineData("error: too many connections for database \"l\"", true)]
    [InlineData("Error: timeout expired\n    at Timeout._onTimeout (/a/node_modules/pg/lib/client.js:170:28)", true)]
    [InlineData("error ConnectionError: timeout expired", true)]
    [InlineData("ConnectionError: Connection terminated due to connection timeout\n    at createConnection (file:///a/createConnection.js:76:23)", true)]
    [InlineData("error Error: timeout exceeded when trying to connect", true)]
    [InlineData("error Error: Connection terminated unexpectedly", false)]
    [InlineData("error error: invalid value \"timeout expired\"", false)]
    [InlineData("error error: duplicate key {\n  detail: \"Key (id)=(code: '53300') already exists.\",\n  code: '23505',\n}", false)]
    [InlineData("error error: invalid value 53300", false)]
    [InlineData("info user 'too many clients' has 53300 rows", false)]
    public void A_full_or_silent_server_is_recognised_and_not_a_value_that_looks_like_it(string output, bool expected) => Assert.Equal(expected, Hear(output).FoundNoConnection);

    [Theory]
    [InlineData(1, "1")]
    [InlineData(null, "")]
    [InlineData(137, "137 (SIGKILL, probably because the container or the machine ran out of memory)")]
    [InlineData(139, "139 (SIGSEGV)")]
    [InlineData(162, "162 (signal 34)")]
    [InlineData(255, "255")]
    public void An_exit_code_names_its_signal(int? exitCode, string expected) => Assert.Equal(expected, new CliRun(CliEnd.ByItself, exitCode, null, "", null, false, 0).ExitCodeText);

    private static CliComplaint Hear(string output)
    {
        var complaint = new CliComplaint();
        foreach (var line in output.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            complaint.Hear(line);
        }

        return complaint;
    }

    [Theory]
    [InlineData(137, "", "it printed nothing and ended with exit code 137 (SIGKILL", "give the container more memory")]
    [InlineData(1, "no such module", "no such module (exit code 1)", "correct what it names")]
    public void A_CLI_that_could_not_start_has_a_reason_and_a_remedy_also_when_it_printed_nothing(int exitCode, string complaint, string reason, string remedy)
    {
        var run = new CliRun(CliEnd.ByItself, exitCode, null, complaint, null, false, 0);

        Assert.StartsWith(reason, run.Reason, StringComparison.Ordinal);
        Assert.Equal(remedy, run.Remedy);
    }
}
