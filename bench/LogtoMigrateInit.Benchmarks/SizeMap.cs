using System.IO.Compression;
using System.Xml.Linq;
using LogtoMigrateInit.Fixtures;
using Mono.Cecil;
using Mono.Cecil.Cil;

namespace LogtoMigrateInit.Benchmarks;

/// <summary>A part of the binary.</summary>
/// <param name="Name">What it is.</param>
/// <param name="Bytes">Its compiled methods with what the garbage collector and exceptions need of them, its types, and the files it carries.</param>
/// <param name="Without">What a reader of our code would have instead.</param>
internal sealed record SizeRow(string Name, long Bytes, string Without);

/// <summary>Where the bytes of the native binary come from, as its compiler counts them.</summary>
internal sealed record SizeMap(long Binary, long Compressed, IReadOnlyList<SizeRow> Rows)
{
    // The compiler's statistics are an assembly whose methods list what was compiled (docs/design/coreclr/botr/ilc-architecture.md in dotnet/runtime; sizoscope reads the same).
    private static readonly (string Prefix, string Name, string Without)[] Parts =
    [
        ("logto-migrate-init", "our own code", ""),
        ("Npgsql", "Npgsql", "PostgreSQL's protocol, SCRAM and TLS negotiation in our own hands"),
        ("Serilog", "Serilog", "our own templates, levels and JSON lines"),
        ("Microsoft.Extensions", "Microsoft.Extensions (hosting, logging, dependency injection)", "our own lifetime; the log messages would lose their generated, typed methods"),
        ("System.CommandLine", "System.CommandLine", "our own parser, help and messages for a wrong word"),
        ("CliWrap", "CliWrap", "pipes, interrupts and process trees by hand"),
        ("System.Security.Cryptography", ".NET: cryptography and certificates", "none: SCRAM and TLS need it"),
        ("System.Formats.Asn1", ".NET: cryptography and certificates", ""),
        ("System.Net", ".NET: sockets, names, TLS", "none: the way to the server"),
        ("System.Text.RegularExpressions", ".NET: regular expressions", "the CLI's output and the scripts searched by hand"),
        ("System.Text.Json", ".NET: JSON", "the state and `check --output json` read and written by hand"),
        ("System.Linq", ".NET: LINQ", "loops; the pure decisions would be twice as long"),
        ("System.Private.CoreLib", ".NET: core library", "none: collections, tasks, strings, threads"),
        ("", ".NET: everything else", ""),
    ];

    private static readonly string[] Names = ["Metadata", "StackTraceMethodMapping", "TypeMetadataMap"];

    /// <summary>A limit in MiB from the project file, which test.sh reads too.</summary>
    /// <param name="what"><c>Binary</c> or <c>CompressedBinary</c>.</param>
    public static double Limit(string what) => (double)XDocument
        .Load(Path.Combine(Repository.Root, "src", "LogtoMigrateInit", "LogtoMigrateInit.csproj"))
        .Descendants($"{what}LimitMiB").Single();

    public static SizeMap Read()
    {
        var bytes = new Dictionary<string, long>();
        using var statistics = AssemblyDefinition.ReadAssembly(
            Path.Combine(Repository.Root, "src", "LogtoMigrateInit", "obj", "Release", "net10.0", "linux-x64", "native", "logto-migrate-init.mstat"));
        var lists = statistics.MainModule.GetType("<Module>").Methods.Where(method => method.HasBody).ToDictionary(method => method.Name, method => method.Body.Instructions);
        foreach (var (owner, size) in Entries(lists["Types"], 1).Concat(Entries(lists["Methods"], 3)))
        {
            bytes[owner] = bytes.GetValueOrDefault(owner) + size;
        }

        foreach (var (owner, size) in Resources(statistics.MainModule, lists["ManifestResources"]))
        {
            bytes[owner] = bytes.GetValueOrDefault(owner) + size;
        }

        var blobs = Blobs(lists["Blobs"]);
        var binary = new FileInfo(Repository.Binary).Length;
        var rows = bytes
            .GroupBy(pair => Parts.First(part => pair.Key.StartsWith(part.Prefix, StringComparison.Ordinal)).Name)
            .Select(group => new SizeRow(group.Key, group.Sum(pair => pair.Value), Parts.First(part => part.Name == group.Key).Without))
            .OrderByDescending(row => row.Bytes).ToList();
        rows.Add(new SizeRow("names and signatures, which stack traces and generic code need", Names.Sum(name => blobs.GetValueOrDefault(name)), "stack traces of a bug without names"));
        rows.Add(new SizeRow("the runtime in C++, unwind and lookup tables, texts, less what is stored packed", binary - rows.Sum(row => row.Bytes), "none"));
        return new SizeMap(binary, Compress(Repository.Binary), rows);
    }

    /// <summary>What an entry begins with names a type or a method; then come its sizes, and in the second version of the format a node.</summary>
    private static IEnumerable<(string Owner, long Size)> Entries(IEnumerable<Instruction> instructions, int sizes)
    {
        string? owner = null;
        var (size, seen) = (0L, 0);
        foreach (var instruction in instructions)
        {
            if (instruction.OpCode == OpCodes.Ldtoken)
            {
                if (owner is not null)
                {
                    yield return (owner, size);
                }

                (owner, size, seen) = (OwnerOf((MemberReference)instruction.Operand), 0, 0);
            }
            else if (owner is not null && seen < sizes && Number(instruction) is { } number)
            {
                (size, seen) = (size + number, seen + 1);
            }
        }

        if (owner is not null)
        {
            yield return (owner, size);
        }
    }

    /// <summary>Files that an assembly carries: its token, whose low three bytes are its row, then the name and the size.</summary>
    private static IEnumerable<(string Owner, long Size)> Resources(ModuleDefinition module, IEnumerable<Instruction> instructions) =>
        instructions.TakeWhile(instruction => instruction.OpCode != OpCodes.Ret).Chunk(3)
            .Select(entry => (module.AssemblyReferences[(int)(Number(entry[0])!.Value & 0xFFFFFF) - 1].Name, Number(entry[2])!.Value));

    private static Dictionary<string, long> Blobs(IEnumerable<Instruction> instructions) =>
        instructions.TakeWhile(instruction => instruction.OpCode != OpCodes.Ret).Chunk(2).ToDictionary(entry => (string)entry[0].Operand, entry => Number(entry[1])!.Value);

    private static string OwnerOf(MemberReference member) => member switch
    {
        FunctionPointerType => "",
        TypeSpecification type => OwnerOf(type.ElementType),
        TypeReference type => type.Scope?.Name ?? "",
        _ => OwnerOf(member.DeclaringType),
    };

    private static long? Number(Instruction instruction) => instruction.OpCode.Code switch
    {
        Code.Ldc_I4 => (int)instruction.Operand,
        Code.Ldc_I4_S => (sbyte)instruction.Operand,
        >= Code.Ldc_I4_0 and <= Code.Ldc_I4_8 => instruction.OpCode.Code - Code.Ldc_I4_0,
        Code.Ldc_I4_M1 => -1,
        _ => null,
    };

    private static long Compress(string file)
    {
        using var compressed = new MemoryStream();
        using (var gzip = new GZipStream(compressed, CompressionLevel.SmallestSize, leaveOpen: true))
        using (var content = File.OpenRead(file))
        {
            content.CopyTo(gzip);
        }

        return compressed.Length;
    }
}
