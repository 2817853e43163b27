namespace LogtoMigrateInit.Logto;

/// <summary>All alterations that the target ships. Never empty: an image without alterations is broken.</summary>
internal sealed class AlterationCatalog
{
    private readonly Alteration[] _alterations;
    private readonly Func<Alteration, string> _readScript;

    private AlterationCatalog(
        string targetVersion, LogtoRequirements requirements, Alteration[] alterations, Func<Alteration, string> readScript) =>
        (TargetVersion, Requirements, _alterations, _readScript, Last) = (
            targetVersion, requirements, alterations, readScript,
            alterations.Aggregate((last, each) => each.Timestamp >= last.Timestamp ? each : last));

    /// <summary>The version of the target's <c>@logto/cli</c>, such as <c>1.43.0</c>.</summary>
    public string TargetVersion { get; }

    public int Count => _alterations.Length;

    /// <summary>What the target needs of its database.</summary>
    public LogtoRequirements Requirements { get; }

    /// <summary>The newest alteration: a matching database's state is its timestamp.</summary>
    public Alteration Last { get; }

    /// <summary>Reads the names of the files in <c>alterations-js</c>. Like the CLI, it skips names that are no alterations.</summary>
    /// <param name="targetVersion">The target's version.</param>
    /// <param name="fileNames">All names in the folder.</param>
    /// <param name="readScript">Returns the text of a script, which few runs need; null: the scripts are empty.</param>
    /// <param name="requirements">What the target needs of its database; null: nothing.</param>
    /// <exception cref="FormatException">A name that the CLI could not read, or not one alteration.</exception>
    public static AlterationCatalog Read(
        string targetVersion, IEnumerable<string> fileNames, Func<Alteration, string>? readScript = null,
        LogtoRequirements? requirements = null)
    {
        var alterations = fileNames.Select(Alteration.Parse).OfType<Alteration>().ToArray();
        return alterations.Length > 0
            ? new AlterationCatalog(
                targetVersion, requirements ?? new LogtoRequirements([], KeysHaveStatus: false), alterations, readScript ?? (_ => ""))
            : throw new FormatException("it holds no alteration; every Logto release ships some");
    }

    /// <summary>The alterations that Logto's core counts as undeployed, oldest first: all above the state.</summary>
    public IReadOnlyList<Alteration> PendingAfter(AlterationState state) =>
        // A stable sort by the timestamp alone is the CLI's order; only what is pending is worth sorting.
        _alterations.Where(alteration => alteration.Timestamp > state.Timestamp)
            .OrderBy(alteration => alteration.Timestamp)
            .ToArray();

    /// <summary>The last alteration that a state says is deployed; null when there is none.</summary>
    public Alteration? LastAt(AlterationState state) =>
        _alterations.Where(alteration => alteration.Timestamp <= state.Timestamp).MaxBy(alteration => alteration.Timestamp);

    /// <summary>The indexes that an alteration builds outside its transaction, so that a killed run can leave one behind.</summary>
    /// <returns>See <see cref="ConcurrentIndex.FindIn"/>.</returns>
    public IReadOnlyList<ConcurrentIndex>? IndexesOf(Alteration alteration, bool reverted = false) =>
        ConcurrentIndex.FindIn(_readScript(alteration), reverted ? ConcurrentIndex.BeforeDown : ConcurrentIndex.BeforeUp);

    /// <summary>Whether the script contains the table's name as a word, as it must to change the table.</summary>
    public bool Names(Alteration alteration, string table)
    {
        var script = _readScript(alteration);
        int Next(int start) => script.IndexOf(table, start, StringComparison.Ordinal);
        for (var start = Next(0); start >= 0; start = Next(start + 1))
        {
            var end = start + table.Length;
            if (!IsPartOfName(script, start - 1) && !IsPartOfName(script, end))
            {
                return true;
            }
        }

        return false;
    }

    private static bool IsPartOfName(string script, int index) =>
        index >= 0 && index < script.Length && (char.IsLetterOrDigit(script[index]) || script[index] == '_');
}
