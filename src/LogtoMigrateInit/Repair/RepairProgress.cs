namespace LogtoMigrateInit.Repair;

/// <summary>What a run of <c>repair</c> has tried so far.</summary>
internal sealed class RepairProgress
{
    private const string StillThere = "it was run without an error, and the finding is still there";

    private readonly Dictionary<string, string> _results = new(StringComparer.Ordinal);

    /// <summary>How many findings were repaired.</summary>
    public int Done { get; private set; }

    /// <summary>Whether the SQL of a finding has run without an error.</summary>
    public bool HasSucceeded(Finding finding) => WhyLeft(finding) == StillThere;

    /// <summary>Whether the SQL of a finding was tried. Nothing is tried twice.</summary>
    public bool HasTried(Finding finding) => WhyLeft(finding) is not null;

    /// <summary>Why a finding is still there; null: it was not tried.</summary>
    public string? WhyLeft(Finding finding) => finding.Text is { } text ? _results.GetValueOrDefault(text) : null;

    public void Succeeded(Finding finding)
    {
        Done++;
        _results[finding.Text!] = StillThere;
    }

    /// <param name="reason">A clause for the operator.</param>
    public void Failed(Finding finding, string reason) => _results[finding.Text!] = reason;
}
