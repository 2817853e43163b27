using System.ComponentModel;
using LogtoMigrateInit.Processes;
using LogtoMigrateInit.Reporting;
using LogtoMigrateInit.Settings;
using Microsoft.Extensions.Logging;

namespace LogtoMigrateInit.PostgresTools;

/// <summary>Runs <c>pg_dump</c> and <c>pg_restore</c>, and reports why one failed.</summary>
/// <param name="target">The server. Its password is masked in the output.</param>
internal sealed class PostgresTool(ServerTarget target, ILogger logger)
{
    /// <summary>The exit code of <c>pg_restore</c> after failed statements. A killed process has another one.</summary>
    private const int FailedStatements = 1;

    private readonly SecretMask _mask = new(target.Password);

    /// <summary>Runs a tool to its end.</summary>
    /// <param name="program">The path of the tool.</param>
    /// <param name="arguments">The arguments. They must contain no secret.</param>
    /// <param name="environment">The variables of <see cref="ToolEnvironment"/>.</param>
    /// <param name="input">Writes the standard input; null: empty.</param>
    /// <param name="output">Reads the standard output; null: ignored.</param>
    /// <param name="tolerated">A part of an error message that does not count as a failure; null: all errors count.</param>
    /// <param name="stop">When canceled, the tool is killed. The server ends its session by itself.</param>
    /// <exception cref="PostgresToolException">The tool failed, or did not start.</exception>
    public async Task RunAsync(
        string program,
        IReadOnlyList<string> arguments,
        IReadOnlyDictionary<string, string?> environment,
        Func<Stream, CancellationToken, Task>? input,
        Func<Stream, Task>? output,
        string? tolerated,
        CancellationToken stop)
    {
        var name = Path.GetFileName(program);
        var complaint = new ToolComplaint(name, tolerated);
        var child = new ChildProcess(program, arguments, environment)
        {
            Input = input,
            Output = (stream, drained) => output is null
                ? OutputLines.ReadAsync(stream, (_, _) => { }, drained)
                : output(stream),
            Errors = (stream, drained) =>
                OutputLines.ReadAsync(stream, (line, _) => complaint.Hear(_mask.Apply(line), logger), drained),
        };
        int? exitCode;
        try
        {
            exitCode = await child.RunAsync(null, CancellationToken.None, stop);
        }
        catch (Win32Exception missing)
        {
            throw new PostgresToolException($"{program} does not start: {missing.GetBaseException().Message}");
        }

        stop.ThrowIfCancellationRequested();
        if (exitCode != 0 && !(exitCode == FailedStatements && complaint.IsTolerable))
        {
            throw new PostgresToolException($"{name} failed: {complaint.Text ?? $"exit code {exitCode}, without a word"}");
        }
    }
}
