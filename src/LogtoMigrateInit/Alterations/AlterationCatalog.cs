namespace LogtoMigrateInit.Alterations;

/// <summary>All alterations that the target ships. Never empty: an image without alterations is broken.</summary>
internal sealed class AlterationCatalog
{
    private readonly Alteration[] _alterations;

    private AlterationCatalog(string targetVersion, Alteration[] alterations) =>
        (TargetVersion, _alterations, Last) = (targetVersion, alterations, alterations.Aggregate((last, each) => each.Timestamp >= last.Timestamp ? each : last));

    /// <summary>The version of the target's <c>@logto/cli</c>, such as <c>1.43.0</c>.</summary>
    public string TargetVersion { get; }

    public int Count => _alterations.Length;

    /// <summary>The newest alteration: a matching database's state is its timestamp.</summary>
    public Alteration Last { get; }

    /// <summary>Reads the names of the files in <c>alterations-js</c>; names that are no alterations are passed over, as the CLI does.</summary>
    /// <exception cref="FormatException">A name that the CLI could not read, or not one alteration.</exception>
    public static AlterationCatalog Read(string targetVersion, IEnumerable<string> fileNames)
    {
        var alterations = fileNames.Select(Alteration.Parse).OfType<Alteration>().ToArray();
        return alterations.Length > 0
            ? new AlterationCatalog(targetVersion, alterations)
            : throw new FormatException("it holds no alteration; every Logto release ships some");
    }

    /// <summary>The alterations that core counts as undeployed, oldest first: all above the state, and nothing else decides.</summary>
    public IReadOnlyList<Alteration> PendingAfter(AlterationState state) =>
        // A stable sort by the timestamp alone is the CLI's order; only what is pending is worth sorting.
        _alterations.Where(alteration => alteration.Timestamp > state.Timestamp).OrderBy(alteration => alteration.Timestamp).ToArray();
}
