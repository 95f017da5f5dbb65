@echo off
rem Windows: copy to the folder that   shell:sendto   opens; then "Send to, undegrade" on photos.
undegrade enhance %*
if errorlevel 1 pause
