using LogtoMigrateInit.Fixtures;

namespace LogtoMigrateInit.ChaosTests;

/// <summary>
/// What the server wrote down of the CLIs' statements. Looking a hundred times a second misses what fails within a millisecond; the
/// server's log misses nothing, and its order is the order in which the statements began.
/// </summary>
internal sealed class StatementLog(PostgresServer server, string database)
{
    /// <summary>What a server must be started with: every statement that changes something, and whose it is.</summary>
    public static readonly IReadOnlyDictionary<string, string> Settings = new Dictionary<string, string>
    {
        ["log_statement"] = "mod",
        ["log_line_prefix"] = "%m|%d|%a|",
    };

    private readonly List<(string Cli, string Line)> _statements = [];
    private int _linesRead;

    /// <summary>The CLIs that have changed something, or tried to.</summary>
    public IReadOnlyList<string> Clis => [.. _statements.Select(statement => statement.Cli).Distinct()];

    /// <summary>Reads what has come; a server that starts again begins a new file.</summary>
    /// <param name="isFull">The server has ended, so the next one is read from its beginning.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    public async Task ReadAsync(bool isFull, CancellationToken cancellationToken)
    {
        var lines = await File.ReadAllLinesAsync(server.LogFile, cancellationToken);
        _statements.AddRange(
            from line in lines.Skip(_linesRead)
            let fields = line.Split('|', 4)
            where fields.Length == 4 && fields[1] == database && Observer.IsCli(fields[2]) && fields[3].StartsWith("LOG:", StringComparison.Ordinal)
            select (fields[2], $"{fields[0]} {fields[3]}"));
        _linesRead = isFull ? 0 : lines.Length;
    }

    /// <summary>Statements of a CLI after the next one had begun.</summary>
    public IEnumerable<string> Interleaved()
    {
        var over = new HashSet<string>();
        string? last = null;
        foreach (var (cli, line) in _statements)
        {
            if (over.Contains(cli))
            {
                yield return $"{cli} went on after {last} had begun: {line}";
            }
            else if (last != cli)
            {
                if (last is not null)
                {
                    over.Add(last);
                }

                last = cli;
            }
        }
    }
}
