using LogtoMigrateInit.Fixtures;
using Xunit;

namespace LogtoMigrateInit.EndToEndTests;

/// <summary>The exit codes that users rely on, and assertions that show the log when they fail.</summary>
internal static class Expect
{
    public const int Success = 0;
    public const int Refused = 4;
    public const int Unstartable = 7;
    public const int Ahead = 8;
    public const int Empty = 9;
    public const int Pending = 12;

    public static void Ending(int exitCode, GateResult result) =>
        Assert.True(result.ExitCode == exitCode, $"Expected exit code {exitCode}: {result}");

    public static void LogContains(string text, GateResult result) =>
        Assert.True(
            result.StandardError.Contains(text, StringComparison.OrdinalIgnoreCase),
            $"Expected \"{text}\" in the log: {result}");
}
