using System.ComponentModel;
using LogtoMigrateInit.Processes;
using LogtoMigrateInit.Reporting;
using LogtoMigrateInit.Settings;
using Microsoft.Extensions.Logging;

namespace LogtoMigrateInit.PostgresTools;

/// <summary>Runs <c>pg_dump</c> and <c>pg_restore</c>, and says why one failed.</summary>
/// <param name="target">Where they connect, and the password that no line of theirs may show.</param>
/// <param name="logger">Gets what they print.</param>
internal sealed class PostgresTool(ServerTarget target, ILogger logger)
{
    /// <summary>With which <c>pg_restore</c> ends when statements have failed; one that is killed ends otherwise, also after a tolerated error.</summary>
    private const int FailedStatements = 1;

    private readonly SecretMask _mask = new(target.Password);

    /// <summary>Runs one to its end.</summary>
    /// <param name="program">Its path.</param>
    /// <param name="arguments">No secret belongs here.</param>
    /// <param name="environment">See <see cref="ToolEnvironment"/>.</param>
    /// <param name="input">Writes its standard input; null when it reads none.</param>
    /// <param name="output">Reads its standard output; null drops it.</param>
    /// <param name="tolerated">An error that changes nothing; when there was no other, the tool has succeeded. Null: every error counts.</param>
    /// <param name="stop">Kills it; the server ends its session by itself.</param>
    /// <exception cref="PostgresToolException">It failed, or did not start.</exception>
    /// <exception cref="OperationCanceledException">Stopped.</exception>
    public async Task RunAsync(
        string program, IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string?> environment, Func<Stream, CancellationToken, Task>? input, Func<Stream, Task>? output,
        string? tolerated, CancellationToken stop)
    {
        var name = Path.GetFileName(program);
        var complaint = new Complaint(name, tolerated);
        var child = new ChildProcess(program, arguments, environment)
        {
            Input = input,
            Output = (stream, drained) => output is null ? OutputLines.ReadAsync(stream, (_, _) => { }, drained) : output(stream),
            Errors = (stream, drained) => OutputLines.ReadAsync(stream, (line, _) => complaint.Hear(_mask.Apply(line), logger), drained),
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

    /// <summary>What a tool says of its failure.</summary>
    private sealed class Complaint(string name, string? tolerated)
    {
        private const string Error = ": error: ";

        private string? _error;
        private string? _last;
        private bool _tolerated;

        /// <summary>It had errors, and all were of the kind that changes nothing.</summary>
        public bool IsTolerable => _tolerated && _error is null;

        /// <summary>Its first error, else its last line; null when it said nothing.</summary>
        public string? Text => (_error ?? _last)?.TrimEnd('.');

        /// <summary>What goes on without the tool's name is a statement, or the row that it failed at: nothing for a log.</summary>
        public void Hear(string line, ILogger logger)
        {
            _last = line;
            if (!line.StartsWith($"{name}: ", StringComparison.Ordinal))
            {
                return;
            }

            var at = line.IndexOf(Error, StringComparison.Ordinal);
            if (at >= 0 && tolerated is not null && line.Contains(tolerated, StringComparison.Ordinal))
            {
                _tolerated = true;
                return;
            }

            logger.ToolLine(line);
            _error ??= at >= 0 ? line[(at + Error.Length)..] : null;
        }
    }
}
