using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;

namespace LogtoMigrateInit.Platform;

/// <summary>Checks the header of an executable file like Linux (fs/binfmt_script.c and fs/binfmt_elf.c).</summary>
internal static class ProgramFile
{
    // The kernel reads this many bytes, and follows this many interpreters that are scripts themselves.
    private const int HeaderLength = 256;
    private const int MostScripts = 5;

    // <elf.h>
    private const int ElfHeaderLength = 64;
    private const int EntryLength = 56;
    private const uint InterpreterEntry = 3;

    /// <summary>Returns why Linux would not start a file; null when its header is right or cannot be read.</summary>
    /// <param name="path">The path of an executable file.</param>
    public static string? WhyNotStartable(string path) => WhyNotStartable(path, 0);

    private static string? WhyNotStartable(string path, int scripts)
    {
        try
        {
            using var file = File.OpenRead(path);
            var header = new byte[HeaderLength];
            var length = file.ReadAtLeast(header, HeaderLength, throwOnEndOfStream: false);
            return header.AsSpan(0, length) switch
            {
                [(byte)'#', (byte)'!', .. var line] => WhyNoInterpreter(line, scripts),
                [0x7F, (byte)'E', (byte)'L', (byte)'F', .. _] => WhyNoElf(file, header.AsSpan(0, length)),
                _ => "it is no executable format: it begins neither with #! and an interpreter nor with an ELF header",
            };
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
        {
            return null; // a user may execute a file without the right to read it
        }
    }

    private static string? WhyNoInterpreter(ReadOnlySpan<byte> line, int scripts)
    {
        var end = line.IndexOf((byte)'\n');
        var words = Encoding.UTF8.GetString(end < 0 ? line : line[..end]).Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries);
        return words switch
        {
            [] => "its first line is #! without an interpreter",
            [var name, ..] when !File.Exists(name) || !FilePermission.MayExecute(name) =>
                $"its interpreter '{name}' is missing or not executable",
            [var name, ..] when scripts < MostScripts => WhyNotStartable(name, scripts + 1) is { } reason
                ? $"its interpreter '{name}' cannot be started: {reason}"
                : null,
            _ => "its interpreters are scripts without an end",
        };
    }

    private static string? WhyNoElf(FileStream file, ReadOnlySpan<byte> header)
    {
        const string Damaged = "its ELF header is damaged";
        if (header.Length < ElfHeaderLength)
        {
            return Damaged;
        }

        // EM_AARCH64 and EM_ARM, EM_X86_64 and EM_386
        var (own, older) = RuntimeInformation.OSArchitecture == Architecture.Arm64 ? (183, 40) : (62, 3);
        var machine = BinaryPrimitives.ReadUInt16LittleEndian(header[18..]);
        if (machine == older)
        {
            return null; // the kernel may also run older 32-bit programs of this machine
        }

        // If the loader of another architecture is installed, this system can run such programs. This program itself may be the emulated
        // one.
        var wrong = machine == own ? Damaged : $"it is a program for another kind of processor (ELF machine {machine}; this one is {own})";
        var isExecutable = BinaryPrimitives.ReadUInt16LittleEndian(header[16..]) is 2 or 3; // ET_EXEC, ET_DYN
        var count = BinaryPrimitives.ReadUInt16LittleEndian(header[56..]);
        if (!isExecutable || count == 0 || BinaryPrimitives.ReadUInt16LittleEndian(header[54..]) != EntryLength)
        {
            return wrong;
        }

        var entries = new byte[count * EntryLength];
        file.Position = (long)BinaryPrimitives.ReadUInt64LittleEndian(header[32..]);
        if (file.ReadAtLeast(entries, entries.Length, throwOnEndOfStream: false) < entries.Length)
        {
            return wrong;
        }

        var loader = entries.Chunk(EntryLength).FirstOrDefault(entry => BinaryPrimitives.ReadUInt32LittleEndian(entry) == InterpreterEntry);
        var name = loader is null ? null : ReadLoader(file, loader);
        return machine != own ? (File.Exists(name) ? null : wrong)
            : name is null || File.Exists(name) ? null
            : $"its loader '{name}' is missing: it is built for another C library than this image's";
    }

    private static string? ReadLoader(FileStream file, byte[] entry)
    {
        var name = new byte[(int)Math.Min(BinaryPrimitives.ReadUInt64LittleEndian(entry.AsSpan(32)), 4096)];
        file.Position = (long)BinaryPrimitives.ReadUInt64LittleEndian(entry.AsSpan(8));
        return file.ReadAtLeast(name, name.Length, throwOnEndOfStream: false) < name.Length
            ? null
            : Encoding.UTF8.GetString(name).TrimEnd('\0');
    }
}
