namespace LogtoMigrateInit.Logto;

/// <summary>What the target needs of its database, beyond its alterations.</summary>
/// <param name="Tables">The names of Logto's tables, by the files that the target's own seed runs.</param>
/// <param name="KeysHaveStatus">
/// Core judges signing keys by their status (from 1.39.0 on) and answers 500 for a set that it does not accept.
/// </param>
internal sealed record LogtoRequirements(IReadOnlyList<string> Tables, bool KeysHaveStatus)
{
    /// <summary>Requests without another tenant in their address go to the tenant <c>default</c>.</summary>
    public bool NeedsDefaultTenant { get; init; } = true;
}
