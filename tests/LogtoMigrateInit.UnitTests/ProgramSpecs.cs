using LogtoMigrateInit.Outcomes;
using Xunit;

namespace LogtoMigrateInit.UnitTests;

public sealed class ProgramSpecs
{
    [Fact(Timeout = 150_000)]
    public async Task A_bug_is_exit_code_1_and_says_that_starting_again_is_safe()
    {
        Environment.SetEnvironmentVariable("DB_URL", "postgresql://u:p@db/logto");

        var outcome = await Program.RunAsync("migrate", (_, _) => throw new InvalidOperationException("Something odd."));

        Assert.Equal(ExitCode.Unexpected, outcome.ExitCode);
        Assert.Contains("InvalidOperationException: Something odd.", outcome.Message, StringComparison.Ordinal);
        Assert.Contains("Next: start again", outcome.Message, StringComparison.Ordinal);
    }

    [Fact(Timeout = 150_000)]
    public async Task A_bug_outside_of_a_run_is_exit_code_1_too()
    {
        var file = Path.GetTempFileName();
        Environment.SetEnvironmentVariable("LOGTO_INIT_TERMINATION_LOG", file);
        try
        {
            Assert.Equal(1, await Program.GuardAsync(() => throw new InvalidOperationException("A report with a bug.")));
            Assert.Contains("InvalidOperationException: A report with a bug.", await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken), StringComparison.Ordinal);
        }
        finally
        {
            Environment.SetEnvironmentVariable("LOGTO_INIT_TERMINATION_LOG", null);
            File.Delete(file);
        }
    }
}
