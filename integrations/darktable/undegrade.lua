--[[
darktable: a target for exporting that hands every exported photo to undegrade.

Copy it to ~/.config/darktable/lua/ and add   require "undegrade"   to ~/.config/darktable/luarc.
In the export module, choose "undegrade" as the target storage; 16-bit TIFF as the format keeps all
that darktable knows.
]]

local dt = require "darktable"

local NAME = "undegrade"
local options = dt.new_widget("entry") {
  tooltip = "options of undegrade enhance, such as --scale 2 --keep grain",
  text = dt.preferences.read(NAME, "options", "string") or "",
}
local folder = dt.new_widget("file_chooser_button") {
  title = "folder for the enhanced photos",
  is_directory = true,
  value = dt.preferences.read(NAME, "folder", "string") or "",
}
local widget = dt.new_widget("box") { orientation = "vertical", folder, options }

-- A word for the shell, whatever it holds.
local function quoted(text)
  if dt.configuration and dt.configuration.running_os == "windows" then
    return '"' .. text .. '"'
  end
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

-- One exported photo: its file is temporary, the enhanced one lies in the folder.
local function store(storage, image, format, filename, number, total, high_quality, extra)
  local target = folder.value .. "/" .. filename:match("[^/\\]+$")
  local command = "undegrade enhance " .. quoted(filename) .. " -o " .. quoted(target)
  if options.text ~= "" then
    command = command .. " " .. options.text
  end
  if dt.control.execute(command) == 0 then
    dt.print(string.format("undegrade: %d of %d", number, total))
  else
    dt.print_error("undegrade failed on " .. filename .. "; run: " .. command)
    extra.failed = (extra.failed or 0) + 1
  end
  os.remove(filename)
end

local function initialize(storage, format, images, high_quality, extra)
  if folder.value == nil or folder.value == "" then
    dt.print("undegrade: choose a folder for the enhanced photos")
    return {}
  end
  dt.preferences.write(NAME, "options", "string", options.text)
  dt.preferences.write(NAME, "folder", "string", folder.value)
  return nil
end

local function finalize(storage, images, extra)
  if extra.failed then
    dt.print(string.format("undegrade: %d photos failed, see the log", extra.failed))
  end
end

dt.register_storage(NAME, "undegrade", store, finalize, nil, initialize, widget)
