using LogtoMigrateInit.Logto;
using Semver;

namespace LogtoMigrateInit.Rollback;

/// <summary>
/// The decision on a rollback: the alterations that the target's CLI would revert (<c>chooseRevertAlterationsByVersion</c> in
/// <c>packages/cli/src/commands/database/alteration/version.ts</c>), or the reason why it must not begin. The cases: <see cref="Steps"/>,
/// <see cref="AlreadyThere"/>, <see cref="Refused"/>.
/// </summary>
internal abstract record RollbackPlan
{
    private const string Next = "next";

    private RollbackPlan()
    {
    }

    /// <summary>Alterations must be reverted.</summary>
    /// <param name="Alterations">The alterations in the order of the CLI, the newest first; never empty.</param>
    /// <param name="Level">The last alteration of the older release.</param>
    public sealed record Steps(IReadOnlyList<Alteration> Alterations, Alteration Level) : RollbackPlan
    {
        /// <summary>The state that the CLI writes at the end: one second less than the last reverted alteration.</summary>
        public AlterationState StateAfter { get; } = new(Alterations[^1].Timestamp - 1);
    }

    /// <summary>All alterations of the release are applied, and no newer one is.</summary>
    /// <param name="Level">The last alteration of the release.</param>
    public sealed record AlreadyThere(Alteration Level) : RollbackPlan;

    /// <summary>The rollback must not begin.</summary>
    /// <param name="Reason">A clause and advice for the operator.</param>
    public sealed record Refused(string Reason) : RollbackPlan;

    /// <summary>Whether the CLI accepts the text as a release.</summary>
    public static bool IsVersion(string text) => SemVersion.TryParse(text, SemVersionStyles.Strict, out _);

    /// <param name="catalog">The catalog of the newer image.</param>
    /// <param name="version">A text that <see cref="IsVersion"/> accepts.</param>
    /// <param name="state">The state of the database.</param>
    /// <exception cref="FormatException">The version is not one.</exception>
    public static RollbackPlan Decide(AlterationCatalog catalog, string version, AlterationState state)
    {
        var wanted = SemVersion.Parse(version, SemVersionStyles.Strict);
        if (SemVersion.TryParse(catalog.TargetVersion, SemVersionStyles.Strict, out var own)
            && SemVersion.ComparePrecedence(wanted, own) > 0)
        {
            return new Refused($"Logto {version} is newer than this image, which is Logto {catalog.TargetVersion}. " +
                $"Next: name an older release, or start the image of Logto {version} to upgrade");
        }

        if (state.Timestamp > catalog.Last.Timestamp)
        {
            return new Refused($"the state {state} is newer than {catalog.Last.FormattedTimestamp}, the last alteration of this image " +
                $"(Logto {catalog.TargetVersion}), and its scripts cannot revert that. Next: run this command in the newer image that " +
                $"deployed the rest, or that rolled it back");
        }

        var all = catalog.PendingAfter(new AlterationState(0));
        if (all.Where(alteration => ComparePrecedence(alteration, wanted) <= 0).MaxBy(alteration => alteration.Timestamp) is not { } level)
        {
            return new Refused(
                $"this image knows no alteration as old as Logto {version}: its first is of {all[0].Version}. Next: name a newer release");
        }

        Alteration[] reverted =
        [
            .. all.Where(alteration => alteration.Timestamp <= state.Timestamp && ComparePrecedence(alteration, wanted) > 0).Reverse(),
        ];
        return reverted.Length == 0
            ? state.Timestamp >= level.Timestamp
                ? new AlreadyThere(level)
                : new Refused($"the state {state} is older than Logto {version}, which ends at {level.FormattedTimestamp}: there is " +
                    $"nothing to revert. Next: to upgrade, run `logto-migrate-init migrate` in the image of Logto {version}")
            : level.Timestamp >= reverted[^1].Timestamp
                ? new Refused($"alterations of Logto {version} ({level.FileName}) stand above some of later releases " +
                    $"({reverted[^1].FileName}) in this image, so no state could show what is deployed. Next: restore a backup instead")
                : new Steps(reverted, level);
    }

    /// <returns>Null for a file whose release the CLI cannot read. The CLI never reverts such a file by a version.</returns>
    private static int? ComparePrecedence(Alteration alteration, SemVersion wanted) =>
        alteration.Version == Next ? 1
        : SemVersion.TryParse(alteration.Version, SemVersionStyles.Strict, out var version) ? SemVersion.ComparePrecedence(version, wanted)
        : null;
}
