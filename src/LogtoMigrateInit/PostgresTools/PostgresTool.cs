using System.ComponentModel;
using LogtoMigrateInit.Processes;
using LogtoMigrateInit.Reporting;
using LogtoMigrateInit.Settings;
using Microsoft.Extensions.Logging;

namespace LogtoMigrateInit.PostgresTools;

/// <summary>Runs <c>pg_dump</c> and <c>pg_restore</c>, and says why one failed.</summary>
/// <param name="target">The server, and the password that no line may show.</param>
/// <param name="logger">Gets what they print.</param>
internal sealed class PostgresTool(ServerTarget target, ILogger logger)
{
    /// <summary><c>pg_restore</c>'s exit code after failed statements. A killed one has another, also after a tolerated error.</summary>
    private const int FailedStatements = 1;

    private readonly SecretMask _mask = new(target.Password);

    /// <summary>Runs one to its end.</summary>
    /// <param name="program">Its path.</param>
    /// <param name="arguments">No secret belongs here.</param>
    /// <param name="environment">See <see cref="ToolEnvironment"/>.</param>
    /// <param name="input">Writes its standard input; null: none.</param>
    /// <param name="output">Reads its standard output; null: dropped.</param>
    /// <param name="tolerated">An error that does not count: if it is the only one, the tool succeeded. Null: every error counts.</param>
    /// <param name="stop">Kills it; the server ends its session by itself.</param>
    /// <exception cref="PostgresToolException">It failed, or did not start.</exception>
    /// <exception cref="OperationCanceledException">Stopped.</exception>
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
