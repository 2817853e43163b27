namespace LogtoMigrateInit.Logto;

/// <summary>All alterations that the target ships. It is never empty, because an image without alterations is broken.</summary>
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

    /// <summary>The requirements of the target for its database, beyond the alterations.</summary>
    public LogtoRequirements Requirements { get; }

    /// <summary>The newest alteration. Its timestamp is the state of a database that matches the target.</summary>
    public Alteration Last { get; }

    /// <summary>Creates a catalog from the names of the files in <c>alterations-js</c>. Like the CLI, it skips all other names.</summary>
    /// <param name="readScript">Returns the text of a script, when it is needed; null: all scripts are empty.</param>
    /// <param name="requirements">Null: no requirements.</param>
    /// <exception cref="FormatException">The CLI could not read a name, or no name is an alteration.</exception>
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

    /// <summary>Returns the alterations above the state, oldest first. Logto's core counts them as undeployed.</summary>
    public IReadOnlyList<Alteration> PendingAfter(AlterationState state) =>
        // The CLI too sorts stably by the timestamp alone. Only the pending alterations need an order.
        _alterations.Where(alteration => alteration.Timestamp > state.Timestamp)
            .OrderBy(alteration => alteration.Timestamp)
            .ToArray();

    /// <summary>Returns the newest alteration at or below the state; null when there is none.</summary>
    public Alteration? LastAt(AlterationState state) =>
        _alterations.Where(alteration => alteration.Timestamp <= state.Timestamp).MaxBy(alteration => alteration.Timestamp);

    /// <summary>Returns the indexes that an alteration builds outside its transaction. A killed run can leave one behind.</summary>
    /// <returns>Null when the program cannot read the script; see <see cref="ConcurrentIndex.FindIn"/>.</returns>
    public IReadOnlyList<ConcurrentIndex>? IndexesOf(Alteration alteration, bool reverted = false) =>
        ConcurrentIndex.FindIn(_readScript(alteration), reverted ? ConcurrentIndex.BeforeDown : ConcurrentIndex.BeforeUp);

    /// <summary>
    /// Whether the script contains a word. A script that does not contain a table's name does not change the table.
    /// </summary>
    public bool Mentions(Alteration alteration, string word)
    {
        var script = _readScript(alteration);
        int Next(int start) => script.IndexOf(word, start, StringComparison.Ordinal);
        for (var start = Next(0); start >= 0; start = Next(start + 1))
        {
            var end = start + word.Length;
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
