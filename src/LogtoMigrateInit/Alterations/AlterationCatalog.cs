namespace LogtoMigrateInit.Alterations;

/// <summary>All alterations that the target ships, oldest first. Never empty: an image without alterations is broken.</summary>
internal sealed class AlterationCatalog
{
    private readonly Alteration[] _alterations;

    private AlterationCatalog(string targetVersion, Alteration[] alterations) =>
        (TargetVersion, _alterations) = (targetVersion, alterations);

    /// <summary>The version of the target's <c>@logto/cli</c>, such as <c>1.43.0</c>.</summary>
    public string TargetVersion { get; }

    public int Count => _alterations.Length;

    /// <summary>The newest alteration: a matching database's state is its timestamp.</summary>
    public Alteration Last => _alterations[^1];

    /// <summary>Reads the names of the files in <c>alterations-js</c>; names that are no alterations are passed over, as the CLI does.</summary>
    /// <exception cref="FormatException">A name that the CLI could not read, or not one alteration.</exception>
    public static AlterationCatalog Read(string targetVersion, IEnumerable<string> fileNames)
    {
        // A stable sort by the timestamp alone is the CLI's order.
        var alterations = fileNames.Select(Alteration.Parse).OfType<Alteration>().OrderBy(alteration => alteration.Timestamp).ToArray();
        return alterations.Length > 0
            ? new AlterationCatalog(targetVersion, alterations)
            : throw new FormatException("it holds no alteration; every Logto release ships some");
    }

    /// <summary>The alterations that core counts as undeployed: all above the state, and nothing else decides.</summary>
    public IReadOnlyList<Alteration> PendingAfter(AlterationState state) =>
        _alterations.Where(alteration => alteration.Timestamp > state.Timestamp).ToArray();
}
